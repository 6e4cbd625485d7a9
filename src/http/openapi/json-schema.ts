import { Kind, type TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** A JSON Schema as it stands in a document. */
export type JsonSchema = { readonly [key: string]: unknown };

/** Annotations of ours that mean nothing to a reader of the document. */
const OURS = new Set(["omit", "refine"]);

/**
 * What a caller may send: a field whose `default` passes its own check may be left out, one whose default fails it is
 * required (see `protocol/actions/fields.ts`).
 */
export function requestSchema(schema: TSchema): JsonSchema {
  return convert(schema, (property) => !("default" in property) || !hasValidDefault(property));
}

/** What a default lacks is filled in, too, as it is for a caller who sends the same. */
function hasValidDefault(schema: TSchema): boolean {
  return Value.Check(schema, Value.Default(schema, structuredClone(schema.default)));
}

/** What a caller gets: everything that is not optional is there. A shape with an id is referred to, not repeated. */
export function answerSchema(schema: TSchema): JsonSchema {
  return reference(schema) ?? convert(schema, undefined);
}

/** A shape with an id, whole, for the components of the document. */
export function componentSchema(schema: TSchema): JsonSchema {
  const { $id: _, ...rest } = convert(schema, undefined);
  return rest;
}

function reference({ $id }: TSchema): JsonSchema | undefined {
  return $id === undefined ? undefined : { $ref: `#/components/schemas/${$id}` };
}

type IsRequired = ((property: TSchema) => boolean) | undefined;

function convert(schema: TSchema, isRequired: IsRequired): JsonSchema {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (OURS.has(key) || typeof value === "function") continue;
    // A default that is no valid value only says what the field is filled with before it is refused.
    if (key === "default" && !hasValidDefault(schema)) continue;
    plain[key] = convertValue(value, isRequired);
  }
  if (isRequired && schema[Kind] === "Object") {
    const listed: unknown = schema["required"];
    const required = Object.entries<TSchema>(schema["properties"])
      .filter(([name, property]) => Array.isArray(listed) && listed.includes(name) && isRequired(property))
      .map(([name]) => name);
    if (required.length > 0) plain["required"] = required;
    else delete plain["required"];
  }
  return plain;
}

function convertValue(value: unknown, isRequired: IsRequired): unknown {
  if (Array.isArray(value)) return value.map((item) => convertValue(item, isRequired));
  if (typeof value !== "object" || value === null) return value;
  if (isSchema(value)) return reference(value) ?? convert(value, isRequired);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, convertValue(item, isRequired)]),
  );
}

function isSchema(value: object): value is TSchema {
  return Kind in value;
}
