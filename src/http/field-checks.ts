import { parseIdentifier } from "../protocol/identifier.ts";
import type { FieldProblem } from "./binding-error.ts";
import type { JsonSchema } from "./openapi/json-schema.ts";
import type { Field, FieldSource } from "./request-fields.ts";

/** `author/name:version@checksum` (contract/plugin-package 4.3). */
const IDENTIFIER: JsonSchema = {
  type: "string",
  pattern:
    "^([a-z0-9_-]{1,64}/)?[a-z0-9_-]{1,255}:[0-9]{1,4}(\\.[0-9]{1,4}){1,3}(-\\w{1,16})?@[a-f0-9]{32,64}$",
};

/** A JSON object of a caller, kept as it came: numbers that a double would change are `JSON.rawJSON`s. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A whole number in the query; 0 counts as left out, as in the reference. */
export function queryInteger(name: string, { min, max }: { min: number; max?: number }): Field<number> {
  const takes = { type: "integer", minimum: min, ...(max !== undefined && { maximum: max }) };
  return field({ name, from: ["query"], takes, required: true }, (raw) => {
    const value = typeof raw === "string" && /^[+-]?\d{1,15}$/.test(raw) ? Number(raw) : 0;
    if (value === 0) return broken("required");
    if (value < min) return broken("min");
    return max !== undefined && value > max ? broken("max") : { value };
  });
}

/** A whole number from 1 in the query, `fallback` when it is left out. */
export function optionalQueryInteger(
  name: string,
  { max, fallback }: { readonly max: number; readonly fallback: number },
): Field<number> {
  return field({ name, from: ["query"], takes: { type: "integer", minimum: 1, maximum: max } }, (raw) => {
    if (raw === undefined || raw === "") return { value: fallback };
    const value = typeof raw === "string" && /^\d{1,15}$/.test(raw) ? Number(raw) : 0;
    if (value < 1) return broken("min");
    return value > max ? broken("max") : { value };
  });
}

/** A text that is not empty, from a JSON body. */
export function text(name: string): Field<string> {
  return field({ name, from: ["json"], takes: { type: "string", minLength: 1 }, required: true }, (raw) =>
    typeof raw === "string" && raw !== "" ? { value: raw } : broken("required"),
  );
}

/** As `text`, from the query. */
export function queryText(name: string): Field<string> {
  return { ...text(name), from: ["query"] };
}

/** A text in the query that may be left out, which is as good as empty. */
export function optionalQueryText(name: string, { maxChars }: { readonly maxChars: number }): Field<string> {
  return field({ name, from: ["query"], takes: { type: "string", maxLength: maxChars } }, (raw) => {
    const value = typeof raw === "string" ? raw : "";
    return characters(value) > maxChars ? broken("max") : { value };
  });
}

/** One of some texts in the query, the first of them when it is left out or empty. */
export function queryOneOf<const T extends string>(
  name: string,
  values: readonly [T, ...(readonly T[])],
): Field<T> {
  const takes = { type: "string", enum: values, default: values[0] };
  return field<T>({ name, from: ["query"], takes }, (raw) => {
    if (raw === undefined || raw === "") return { value: values[0] };
    const value = values.find((known) => known === raw);
    return value === undefined ? broken("oneof") : { value };
  });
}

/** One of some texts, from a JSON body. */
export function oneOf<const T extends string>(name: string, values: readonly T[]): Field<T> {
  const takes = { type: "string", enum: values };
  return field<T>({ name, from: ["json"], takes, required: true }, (raw) => {
    const value = values.find((known) => known === raw);
    return value === undefined ? broken(raw === undefined || raw === "" ? "required" : "oneof") : { value };
  });
}

/** As `oneOf`, and may be left out. */
export function optionalOneOf<const T extends string>(
  name: string,
  values: readonly T[],
): Field<T | undefined> {
  const one = oneOf(name, values);
  return {
    ...one,
    required: false,
    check: (raw) => (raw === undefined || raw === null ? { value: undefined } : one.check(raw)),
  };
}

/** As `text`, and may be left out. */
export function optionalText(name: string): Field<string | undefined> {
  const one = text(name);
  return {
    ...one,
    required: false,
    check: (raw) => (raw === undefined || raw === null ? { value: undefined } : one.check(raw)),
  };
}

/** A name that stands in the query any number of times, each time with one of some texts. */
export function querySomeOf(
  name: string,
  { values, max }: { readonly values: readonly string[]; readonly max: number },
): Field<readonly string[]> {
  const items = { type: "string", enum: values };
  const one = list({ name, max, items }, (item) => (values.includes(String(item)) ? undefined : "oneof"));
  return { ...one, from: ["query"], repeated: true, required: false };
}

/** A list of objects, of each of which two texts count; neither may be empty. */
export function textPairs(
  name: string,
  keys: readonly [string, string],
): Field<readonly (readonly [string, string])[]> {
  const properties = Object.fromEntries(keys.map((key) => [key, { type: "string", minLength: 1 }]));
  const takes = { type: "array", items: { type: "object", required: keys, properties } };
  return field<readonly (readonly [string, string])[]>(
    { name, from: ["json"], takes, required: true },
    (raw) => {
      if (!Array.isArray(raw)) return broken("required");
      const value: [string, string][] = [];
      for (const [at, item] of raw.entries()) {
        const [first, second] = keys.map((key) => (isObject(item) ? item[key] : undefined));
        if (typeof first !== "string" || typeof second !== "string" || first === "" || second === "")
          return { rule: "required", at };
        value.push([first, second]);
      }
      return { value };
    },
  );
}

/** A plugin unique identifier. */
export function identifier(name: string, from: readonly FieldSource[] = ["json"]): Field<string> {
  return field({ name, from, takes: IDENTIFIER, required: true }, (raw) => {
    if (typeof raw !== "string" || raw === "") return broken("required");
    return parseIdentifier(raw) ? { value: raw } : broken("plugin_unique_identifier");
  });
}

/** A list of texts; empty is fine, missing is not. */
export function texts(name: string, { max }: { max: number }): Field<readonly string[]> {
  const items = { type: "string" };
  return list({ name, max, items }, (item) => (typeof item === "string" ? undefined : "string"));
}

/** A list of plugin unique identifiers; empty is fine, missing is not. */
export function identifiers(name: string, { max }: { max: number }): Field<readonly string[]> {
  return list({ name, max, items: IDENTIFIER }, (item) =>
    typeof item === "string" && parseIdentifier(item) ? undefined : "plugin_unique_identifier",
  );
}

/** A list of objects, each of which may be null; a missing list is an empty one. */
export function optionalObjects(name: string): Field<readonly (JsonObject | null)[]> {
  const takes = { type: ["array", "null"], items: { type: ["object", "null"] } };
  return field({ name, from: ["json"], takes }, (raw) => {
    if (raw === undefined || raw === null) return { value: [] };
    if (!Array.isArray(raw)) return broken("array");
    const value: (JsonObject | null)[] = [];
    for (const item of raw) {
      if (item !== null && !isObject(item)) return broken("map");
      value.push(item);
    }
    return { value };
  });
}

/** An object; missing and null are an empty one. */
export function optionalObject(name: string): Field<JsonObject> {
  return field({ name, from: ["json"], takes: { type: ["object", "null"] } }, (raw) => {
    if (raw === undefined || raw === null) return { value: {} };
    return isObject(raw) ? { value: raw } : broken("map");
  });
}

/** As `optionalObject`, and anything else counts as left out, too (contract/http-api 1.5). */
export function lenientObject(name: string): Field<JsonObject> {
  return field({ name, from: ["json"], takes: { type: ["object", "null"] } }, (raw) => ({
    value: isObject(raw) ? raw : {},
  }));
}

type Check<T> = (raw: unknown) => { readonly value: T } | { readonly rule: string; readonly at?: number };

interface FieldOptions {
  readonly name: string;
  readonly from: readonly FieldSource[];
  readonly takes: JsonSchema;
  readonly required?: boolean;
}

function field<T>({ name, from, takes, required = false }: FieldOptions, check: Check<T>): Field<T> {
  return {
    name,
    from,
    schema: takes,
    required,
    check(raw) {
      const result = check(raw);
      return "value" in result ? result : { problems: [problem(name, result)] };
    },
  };
}

function list(
  { name, max, items }: { readonly name: string; readonly max: number; readonly items: JsonSchema },
  ruleOf: (item: unknown) => string | undefined,
): Field<readonly string[]> {
  const takes = { type: "array", maxItems: max, items };
  return field<readonly string[]>({ name, from: ["json"], takes, required: true }, (raw) => {
    if (!Array.isArray(raw)) return broken("required");
    if (raw.length > max) return broken("max");
    const value: string[] = [];
    for (const [at, item] of raw.entries()) {
      const rule = ruleOf(item);
      if (rule !== undefined) return { rule, at };
      value.push(String(item));
    }
    return { value };
  });
}

function broken(rule: string): { readonly rule: string } {
  return { rule };
}

function problem(name: string, { rule, at }: { rule: string; at?: number }): FieldProblem {
  const field = labelOf(name);
  return { field: at === undefined ? field : `${field}[${at}]`, rule };
}

/** `plugin_unique_identifier` → `PluginUniqueIdentifier`, as clients know the names from the reference. */
function labelOf(name: string): string {
  return name
    .split("_")
    .map((word) => (word === "id" ? "ID" : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
}

/** As people count them, not in the units of a string. */
function characters(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function isObject(value: unknown): value is JsonObject {
  // A number that is kept as its text is an object, too.
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}
