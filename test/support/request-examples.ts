import type { JsonSchema } from "../../src/http/openapi/json-schema.ts";
import type { AppRoute } from "./whole-app.ts";

/** A value that a schema takes. */
export function exampleOf(schema: JsonSchema, identifier: string): unknown {
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const branch = branchesOf(schema).find(({ type }) => type !== "null");
  if (branch) return exampleOf(branch, identifier);
  switch (kindsOf(schema).find((kind) => kind !== "null")) {
    case "object":
      if (schema["minProperties"] === 1) return { key: "value" };
      return Object.fromEntries(
        Object.entries(propertiesOf(schema)).map(([name, inner]) => [name, exampleOf(inner, identifier)]),
      );
    case "array":
      return isSchema(schema["items"]) ? [exampleOf(schema["items"], identifier)] : [];
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 1;
    case "boolean":
      return true;
    default:
      return "pattern" in schema ? identifier : "text";
  }
}

/** A field of a JSON body, wherever it is nested. */
export interface BodyField {
  /** From the body down; the first element stands for all of a list. */
  readonly path: readonly (string | number)[];
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** Every field that a schema names. */
export function fieldsOf(schema: JsonSchema, path: BodyField["path"] = []): BodyField[] {
  // `example` takes the first branch that is not null, and a list of objects may stand beside a text.
  const [inner] = branchesOf(schema).filter(({ type }) => type !== "null");
  if (inner) return fieldsOf(inner, path);
  if (isSchema(schema["items"])) return fieldsOf(schema["items"], [...path, 0]);
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(propertiesOf(schema)).flatMap(([name, property]) => [
    { path: [...path, name], schema: property, required: required.includes(name) },
    ...fieldsOf(property, [...path, name]),
  ]);
}

/** A value that has to be refused, and what is wrong with it. */
export type BadValue = readonly [flaw: string, value: unknown];

export const MISSING = Symbol("missing");

/** Malformed plugin identifiers, some of them paths. */
export const BAD_IDENTIFIERS: readonly string[] = [
  "nonsense",
  "../../etc/passwd",
  `../a/n:0.0.1@${"0".repeat(32)}`,
  `a/../n:0.0.1@${"0".repeat(32)}`,
  `a/n:../0.0.1@${"0".repeat(32)}`,
  `a/n:0.0.1@${"0".repeat(31)}`,
  `a/n:0.0.1@${"0".repeat(65)}`,
  `a/n:0.0.1@${"g".repeat(32)}`,
  `A/n:0.0.1@${"0".repeat(32)}`,
  `a/n:0.0.1@${"0".repeat(32)}\n`,
  `a/n:0.0.1@${"0".repeat(32)}\0`,
  `${"a".repeat(65)}/n:0.0.1@${"0".repeat(32)}`,
  `a/${"n".repeat(256)}:0.0.1@${"0".repeat(32)}`,
  `a/ñ:0.0.1@${"0".repeat(32)}`,
  "n".repeat(100_000),
];

/** Everything that a field refuses, by its schema. */
export function badValues({ schema, required }: BodyField): BadValue[] {
  const branches = branchesOf(schema);
  const schemas = branches.length > 0 ? branches : [schema];
  const kinds = new Set(schemas.flatMap(kindsOf));
  const texts = schemas.filter((one) => "const" in one).map((one) => one["const"]);
  const bad: BadValue[] = required
    ? [
        ["missing", MISSING],
        ["null", null],
      ]
    : [];
  for (const [kind, value] of Object.entries(OF_EVERY_KIND))
    if (!kinds.has(kind)) bad.push([`a wrong type: ${kind}`, value]);
  if (schema["type"] === "integer") bad.push(["a fraction", 1.5]);
  if (texts.length > 0 || schema["enum"])
    bad.push(["unknown", "unknown"], ["unknown by its case", String(texts[0]).toUpperCase()]);
  if (typeof schema["minLength"] === "number") bad.push(["empty", ""]);
  if (typeof schema["maxLength"] === "number") bad.push(["too long", "x".repeat(schema["maxLength"] + 1)]);
  if (typeof schema["minimum"] === "number") bad.push(["too small", schema["minimum"] - 1]);
  if (typeof schema["maximum"] === "number") bad.push(["too large", schema["maximum"] + 1]);
  if (typeof schema["minProperties"] === "number") bad.push(["empty", {}]);
  if ("pattern" in schema) bad.push(...BAD_IDENTIFIERS.map((text) => ["malformed", text] as const));
  const list = schemas.find(({ type }) => kindsOf({ type }).includes("array"));
  if (list && isSchema(list["items"])) bad.push(...badItems(list["items"], list));
  return bad;
}

function badItems(items: JsonSchema, list: JsonSchema): BadValue[] {
  const bad: BadValue[] = badValues({ path: [], schema: items, required: false }).map(([flaw, value]) => [
    `an element ${flaw}`,
    [value],
  ]);
  if (typeof list["maxItems"] === "number") bad.push(["too long", Array(list["maxItems"] + 1).fill("x")]);
  return bad;
}

/** The body with one field replaced, or removed. */
export function withField(body: unknown, path: BodyField["path"], value: unknown): unknown {
  const copy: unknown = structuredClone(body);
  let parent: unknown = copy;
  for (const step of path.slice(0, -1)) parent = Object(parent)[step];
  const last = path.at(-1) ?? "";
  if (value === MISSING) delete Object(parent)[last];
  else Object(parent)[last] = value;
  return copy;
}

/** The schema of the JSON body that a route takes. */
export function bodySchemaOf({ operation }: AppRoute): JsonSchema | undefined {
  return operation.requestBody?.content["application/json"]?.schema;
}

const OF_EVERY_KIND: Readonly<Record<string, unknown>> = {
  string: "text",
  number: 5,
  boolean: true,
  array: [[]],
  object: { key: "value" },
};

function kindsOf(schema: JsonSchema): string[] {
  const { type } = schema;
  if ("const" in schema) return [typeof schema["const"]];
  if (Array.isArray(schema["enum"])) return ["string"];
  const types = Array.isArray(type) ? type.map(String) : typeof type === "string" ? [type] : [];
  return types.map((one) => (one === "integer" ? "number" : one));
}

function branchesOf(schema: JsonSchema): JsonSchema[] {
  return Array.isArray(schema["anyOf"]) ? schema["anyOf"].filter(isSchema) : [];
}

function propertiesOf(schema: JsonSchema): Record<string, JsonSchema> {
  return isSchema(schema["properties"])
    ? Object.fromEntries(
        Object.entries(schema["properties"]).flatMap(([name, value]) =>
          isSchema(value) ? [[name, value]] : [],
        ),
      )
    : {};
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
