import type { TSchema } from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";

/** Brings a decoded value into the shape that the schema describes. Returns the same reference where nothing changes. */
export type Fill = (value: unknown) => unknown;

export interface FillOptions {
  /** Keys match in any case, as the reference's decoder does it with requests (contract/http-api 1.5). */
  readonly foldCase: boolean;
}

/**
 * Compiles a schema's annotations into a function. It shapes and does not check: check its result.
 *
 * - `default`: what an absent or null member becomes. In a field that has to be there it is the zero value that the check refuses.
 * - `omit`: an absent or null member is left out (`"null"`), also an empty text or object (`"empty"`).
 * - `refine`: a function that has the last word on a value; one of an item may throw `ItemError`.
 *
 * Nothing outside of the schema is touched: unknown members stay, and a value of another type is left to the check.
 */
export function compileFill(schema: TSchema, options: FillOptions): Fill {
  return fillOf(schema, options) ?? same;
}

const same: Fill = (value) => value;

interface Member {
  readonly key: string;
  readonly fill: Fill | undefined;
  readonly hasDefault: boolean;
  readonly zero: unknown;
  readonly omit: unknown;
}

/** Undefined where there is nothing to do, so that large lists of plain values are not walked. */
function fillOf(schema: TSchema, options: FillOptions): Fill | undefined {
  const inner = fillInside(schema, options);
  const refine: unknown = schema["refine"];
  if (!isFill(refine)) return inner;
  return inner ? (value) => refine(inner(value)) : refine;
}

function fillInside(schema: TSchema, options: FillOptions): Fill | undefined {
  if (Array.isArray(schema["anyOf"])) {
    const branches: readonly TSchema[] = schema["anyOf"];
    const list = branches.find((branch) => branch["type"] === "array");
    const object = branches.find((branch) => branch["type"] === "object");
    const fillList = list && fillOf(list, options);
    const fillObject = object && fillOf(object, options);
    if (!fillList && !fillObject) return undefined;
    return (value) => {
      const fill = Array.isArray(value) ? fillList : isRecord(value) ? fillObject : undefined;
      return fill ? fill(value) : value;
    };
  }
  if (schema["type"] === "array") {
    const fill = fillOf(schema["items"], options);
    return fill && ((value) => (Array.isArray(value) ? fillList(value, fill) : value));
  }
  return schema["type"] === "object" ? objectFill(schema, options) : undefined;
}

function fillList(list: readonly unknown[], fill: Fill): readonly unknown[] {
  let filled: unknown[] | undefined;
  for (let index = 0; index < list.length; index++) {
    const before = list[index];
    const after = fill(before);
    if (after === before) continue;
    filled ??= [...list];
    filled[index] = after;
  }
  return filled ?? list;
}

function objectFill(schema: TSchema, options: FillOptions): Fill | undefined {
  const properties: Readonly<Record<string, TSchema>> = schema["properties"] ?? {};
  const members = Object.entries(properties).map(([key, schema]): Member => ({
    key,
    fill: fillOf(schema, options),
    hasDefault: "default" in schema,
    zero: schema.default,
    omit: schema["omit"],
  }));
  const acts = members.some(
    ({ fill, hasDefault, omit }) => fill !== undefined || hasDefault || omit !== undefined,
  );
  if (members.length === 0 || (!acts && !options.foldCase)) return undefined;
  const known = new Set(members.map((member) => member.key));
  return (value) => {
    if (!isRecord(value)) return value;
    const source = options.foldCase ? foldKeys(value, known) : value;
    let filled: Record<string, unknown> | undefined;
    for (const member of members) {
      const before = source[member.key];
      const after = fillMember(before, member);
      if (after === before) continue;
      filled ??= { ...source };
      if (after === undefined) delete filled[member.key];
      else filled[member.key] = after;
    }
    return filled ?? source;
  };
}

function fillMember(before: unknown, { fill, hasDefault, zero, omit }: Member): unknown {
  let value = before;
  if (value === undefined || value === null) {
    if (omit !== undefined) return undefined;
    if (hasDefault) value = zero;
  }
  if (fill && value !== undefined) value = fill(value);
  return omit === "empty" && isEmpty(value) ? undefined : value;
}

/** Renames members whose key differs from a known one in case only. The exact spelling wins. */
function foldKeys(
  value: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  let folded: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    if (known.has(key)) continue;
    const lower = key.toLowerCase();
    if (!known.has(lower) || Object.hasOwn(value, lower)) continue;
    folded ??= { ...value };
    folded[lower] = value[key];
    delete folded[key];
  }
  return folded ?? value;
}

function isEmpty(value: unknown): boolean {
  return value === "" || (isRecord(value) && Object.keys(value).length === 0);
}

function isFill(value: unknown): value is Fill {
  return typeof value === "function";
}
