import type { JsonSchema } from "./json-schema.ts";

/** What a route tells about itself; stands in its `detail`. */
export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly [string];
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "header" | "path";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface Answer {
  readonly description: string;
  readonly content?: Content;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

/** By method and path, as routes are registered. */
export type Operations = Readonly<Record<string, Operation>>;

const FAILURE = { $ref: "#/components/schemas/Failure" };

/** Needs no key. */
export const PUBLIC = { security: [] } as const;

/** A route that answers with the envelope: `data` on success, a negative code on failure, HTTP 200 in both cases. */
export function enveloped(data: JsonSchema): Readonly<Record<string, Answer>> {
  const success = {
    type: "object",
    required: ["code", "message", "data"],
    properties: { code: { const: 0 }, message: { const: "success" }, data },
  };
  return {
    "200": {
      description: "Done, or refused with a negative code",
      content: { "application/json": { schema: { oneOf: [success, FAILURE] } } },
    },
    "400": failureAnswer("Fields are missing or wrong"),
  };
}

/** A route that streams items, each in an event with the envelope; a failure is the last event. */
export function streamed(item: JsonSchema): Readonly<Record<string, Answer>> {
  return {
    "200": {
      description:
        "Events `data: ENVELOPE`, one for each item of the plugin; the stream ends without a marker, and a failure is the last event",
      content: {
        "text/event-stream": {
          schema: {
            oneOf: [
              {
                type: "object",
                required: ["code", "message", "data"],
                properties: { code: { const: 0 }, message: { const: "success" }, data: item },
              },
              FAILURE,
            ],
          },
        },
      },
    },
    "400": failureAnswer("Fields are missing or wrong"),
    "404": failureAnswer("The plugin is not installed, or cannot be had now"),
    "500": failureAnswer("The call could not be made"),
  };
}

export function binary(description: string): Readonly<Record<string, Answer>> {
  return {
    "200": {
      description,
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
    },
    "404": failureAnswer("There is no such file"),
  };
}

export function failureAnswer(description: string): Answer {
  return { description, content: { "application/json": { schema: FAILURE } } };
}

export function jsonBody(schema: JsonSchema): NonNullable<Operation["requestBody"]> {
  return { required: true, content: { "application/json": { schema } } };
}

/** A form with one file. */
export function uploadBody(fileField: string): NonNullable<Operation["requestBody"]> {
  const properties = {
    [fileField]: { type: "string", format: "binary" },
    verify_signature: { type: "string", description: "true: refuse it without a trusted signature" },
  };
  return {
    required: true,
    content: { "multipart/form-data": { schema: { type: "object", required: [fileField], properties } } },
  };
}
