import { FAILURE_CODES } from "../errors.ts";
import { componentSchema } from "./json-schema.ts";
import { failureAnswer, type Operation, type Parameter } from "./operation.ts";
import { NAMED_SHAPES } from "./shapes.ts";

/** A route as Elysia lists it. */
export interface DescribedRoute {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation | undefined;
}

export interface DocumentOptions {
  readonly version: string;
  readonly routes: readonly DescribedRoute[];
}

export type Document = ReturnType<typeof buildDocument>;

const WITH_KEY = [{ key: [] }];
const UNAUTHORIZED = failureAnswer("The key is missing or wrong");
const TOO_LARGE = failureAnswer("The body is larger than PLUGD_MAX_REQUEST_BYTES");

/** The OpenAPI 3.1 document of all routes that describe themselves. */
export function buildDocument({ version, routes }: DocumentOptions) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, operation } of routes) {
    if (!operation) continue;
    const { template, parameters } = pathOf(path);
    const isPublic = operation.security?.length === 0;
    (paths[template] ??= {})[method.toLowerCase()] = {
      ...operation,
      ...(isPublic ? {} : { security: operation.security ?? WITH_KEY }),
      parameters: [...parameters, ...(operation.parameters ?? [])],
      responses: {
        ...operation.responses,
        ...(operation.requestBody?.content["application/json"] && { "413": TOO_LARGE }),
        ...(isPublic ? {} : { "401": UNAUTHORIZED }),
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "plugd",
      version,
      description:
        "The plugin daemon's HTTP API. JSON answers stand in an envelope `{code, message, data}`; a failure has a " +
        "negative code and its `message` is JSON text of `{message, error_type, args}`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(Object.entries(paths).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Api-Key" } },
      schemas: {
        ...Object.fromEntries(NAMED_SHAPES.map((shape) => [shape.$id, componentSchema(shape)])),
        Failure: {
          type: "object",
          required: ["code", "message", "data"],
          properties: {
            // Generated clients tell it from a success, whose code is 0, by these.
            code: { type: "integer", enum: FAILURE_CODES },
            message: {
              type: "string",
              contentMediaType: "application/json",
              description: "JSON text of {message, error_type, args}",
            },
            data: { type: "null" },
          },
        },
      },
    },
  };
}

/** `/plugin/:tenant_id/x/*` → `/plugin/{tenant_id}/x/{rest}`. */
function pathOf(path: string): { readonly template: string; readonly parameters: readonly Parameter[] } {
  const parameters: Parameter[] = [];
  const template = path
    .split("/")
    .map((part) => {
      const name = part === "*" ? "rest" : part.startsWith(":") ? part.slice(1) : undefined;
      if (name === undefined) return part;
      parameters.push({ name, in: "path", required: true, schema: { type: "string" } });
      return `{${name}}`;
    })
    .join("/");
  return { template, parameters };
}
