import { isRecord } from "../../../lib/is-record.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Deeper than this a schema that refers to itself gets nothing more. */
const MAX_DEPTH = 16;
const MAX_ITEMS = 100;
const FORMATS: Readonly<Record<string, string>> = {
  date: "2026-01-01",
  time: "00:00:00Z",
  "date-time": "2026-01-01T00:00:00Z",
  email: "someone@example.com",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
  ipv4: "127.0.0.1",
};

/**
 * A value that a JSON Schema allows, always the same one: what is required is there, the first of what can be chosen,
 * the smallest that is enough. Patterns are not followed.
 */
export function sampleJson(schema: unknown): unknown {
  return sample(schema, { root: schema, depth: 0 });
}

interface Place {
  readonly root: unknown;
  readonly depth: number;
}

function sample(given: unknown, place: Place): unknown {
  if (!isRecord(given) || place.depth > MAX_DEPTH) return given === true ? {} : null;
  const inner = { ...place, depth: place.depth + 1 };
  if ("const" in given) return given["const"];
  const [choice] = list(given["enum"]);
  if (choice !== undefined) return choice;
  if ("default" in given) return given["default"];
  if (typeof given["$ref"] === "string") return sample(resolveReference(given["$ref"], place.root), inner);
  const [either] = [...list(given["anyOf"]), ...list(given["oneOf"])];
  const parts = list(given["allOf"]).filter(isRecord);
  if (either !== undefined || parts.length > 0)
    return sample(merge([without(given), ...parts, ...(isRecord(either) ? [either] : [])]), inner);
  switch (typeOf(given)) {
    case "object":
      return sampleObject(given, inner);
    case "array":
      return sampleArray(given, inner);
    case "number":
      return sampleNumber(given, 0.5);
    case "integer":
      return Math.ceil(sampleNumber(given, 1));
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return sampleText(given);
  }
}

function sampleObject(schema: Schema, place: Place): Record<string, unknown> {
  const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
  const required = list(schema["required"]).filter((name) => typeof name === "string");
  // At the bottom of a schema without end only what must be is made.
  const names = place.depth > MAX_DEPTH / 2 ? required : [...Object.keys(properties), ...required];
  return Object.fromEntries(
    [...new Set(names)].map((name) => [name, sample(properties[name] ?? { type: "string" }, place)]),
  );
}

function sampleArray(schema: Schema, place: Place): unknown[] {
  const fixed = list(schema["prefixItems"]).map((item) => sample(item, place));
  const least = place.depth > MAX_DEPTH / 2 ? 0 : 1;
  const count = Math.min(
    MAX_ITEMS,
    numberOf(schema["maxItems"]) ?? MAX_ITEMS,
    numberOf(schema["minItems"]) ?? least,
  );
  const item = isRecord(schema["items"]) ? schema["items"] : { type: "string" };
  while (fixed.length < count) fixed.push(sample(item, place));
  return fixed;
}

function sampleNumber(schema: Schema, wanted: number): number {
  const above = numberOf(schema["exclusiveMinimum"]);
  const below = numberOf(schema["exclusiveMaximum"]);
  const min = Math.max(
    numberOf(schema["minimum"]) ?? -Infinity,
    above === undefined ? -Infinity : above + 1e-6,
  );
  const max = Math.min(
    numberOf(schema["maximum"]) ?? Infinity,
    below === undefined ? Infinity : below - 1e-6,
  );
  const step = numberOf(schema["multipleOf"]);
  const value = Math.min(Math.max(wanted, min), max);
  return step === undefined || step <= 0 ? value : Math.ceil(value / step) * step;
}

function sampleText(schema: Schema): string {
  const format = schema["format"];
  const text = (typeof format === "string" ? FORMATS[format] : undefined) ?? "text";
  const longer = text.padEnd(Math.min(numberOf(schema["minLength"]) ?? 0, 10_000), "x");
  return longer.slice(0, numberOf(schema["maxLength"]) ?? longer.length);
}

function typeOf(schema: Schema): unknown {
  const { type } = schema;
  if (Array.isArray(type)) return type.find((each) => each !== "null") ?? "null";
  if (type !== undefined) return type;
  if (schema["properties"] !== undefined || schema["required"] !== undefined) return "object";
  return schema["items"] === undefined && schema["prefixItems"] === undefined ? "string" : "array";
}

/** Only references into the schema itself, such as `#/$defs/x`. */
function resolveReference(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#")) return {};
  let at = root;
  for (const part of reference.split("/").slice(1)) {
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isRecord(at) ? at[name] : undefined;
  }
  return at;
}

/** The schema less what it is combined of. */
function without(schema: Schema): Schema {
  const combined = ["anyOf", "oneOf", "allOf"];
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !combined.includes(name)));
}

function merge(parts: readonly Schema[]): Schema {
  const object = (name: string) =>
    Object.assign({}, ...parts.map((part) => (isRecord(part[name]) ? part[name] : {})));
  const properties: unknown = object("properties");
  const required = parts.flatMap((part) => list(part["required"]));
  return {
    ...Object.assign({}, ...parts),
    ...(isRecord(properties) && Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
  };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
