import { Elysia } from "elysia";
import { success } from "../envelope.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";

export interface DebuggingRoutesDeps {
  readonly keys: { keyOf(tenantId: string): Promise<string> };
  /** Port of the debug server; undefined where it does not listen. */
  readonly port: () => number | undefined;
}

const PATH = "/plugin/:tenant_id/debugging/key";

/** What this route tells about itself; made when somebody asks, for a start must not wait for it. */
export const debuggingOperations = (): Operations => ({
  [`POST ${PATH}`]: {
    operationId: "takeDebuggingKey",
    summary: "The key with which plugins of developers connect, good for two hours from now",
    tags: ["Debugging"],
    responses: enveloped({
      type: "object",
      required: ["key"],
      properties: {
        key: { type: "string" },
        port: { type: "integer", description: "Port of the debug server, where it listens" },
      },
    }),
  },
});

/** Keys for debugging (contract/http-api 3.7); a body is not read. */
export function debuggingRoutes({ keys, port }: DebuggingRoutesDeps) {
  return new Elysia({ name: "debugging" }).post(
    PATH,
    async ({ params }) => success({ key: await keys.keyOf(params.tenant_id), port: port() }),
    { parse: "none" },
  );
}
