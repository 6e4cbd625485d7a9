import { DaemonError } from "../../protocol/daemon-error.ts";
import { type DecodeContext, entriesOf, keyText } from "./entries.ts";
import { looseValue } from "./free.ts";
import { deref, type YamlNode } from "./node.ts";
import { parseYaml } from "./parse.ts";
import { resolveScalar } from "./scalar.ts";
import { reportType } from "./type-error.ts";

/**
 * Makes a value of a node; an absent node and null give the zero value of the type.
 *
 * A node of a wrong type is reported to the context and gives the zero value, too.
 */
export type Decoder<T> = (node: YamlNode | undefined, context: DecodeContext) => T;

/** Decodes one document. Throws `bad_request` listing every type error of it, or what stopped it at once. */
export function decodeYaml<T>(bytes: Uint8Array, decoder: Decoder<T>): T {
  const context: DecodeContext = { errors: [] };
  const value = decoder(parseYaml(bytes), context);
  if (context.errors.length > 0)
    throw new DaemonError("bad_request", `yaml: unmarshal errors:\n  ${context.errors.join("\n  ")}`);
  return value;
}

/** True for a missing node, an empty value, `null` and `~`. */
export function isNull(node: YamlNode | undefined): boolean {
  if (!node) return true;
  const target = deref(node);
  return target.kind === "scalar" && resolveScalar(target).kind === "null";
}

type Fields = Readonly<Record<string, Decoder<unknown>>>;
type ValueOf<D> = D extends Decoder<infer T> ? T : never;
/** A struct: its fields, then the keys that we don't know, as they are. */
export type StructOf<F extends Fields> = {
  -readonly [K in keyof F as undefined extends ValueOf<F[K]> ? never : K]: ValueOf<F[K]>;
} & {
  -readonly [K in keyof F as undefined extends ValueOf<F[K]> ? K : never]?: Exclude<ValueOf<F[K]>, undefined>;
} & Record<string, unknown>;

/**
 * A mapping with known keys, which come out in the order of `fields` whether they stand in the text or not; a field
 * that decodes to undefined is left out. Unknown keys follow and are forwarded unchanged.
 */
export function struct<F extends Fields>(typeName: string, fields: F): Decoder<StructOf<F>> {
  return (node, context) => {
    const given = new Map<string, YamlNode>();
    const target = node && deref(node);
    if (target && !isNull(target)) {
      if (target.kind === "map") {
        for (const { key, value } of entriesOf(target, context)) {
          const name = keyText(key);
          if (name === undefined) reportType(deref(key), "string", context);
          else given.set(name, value);
        }
      } else reportType(target, typeName, context);
    }
    const known = Object.entries(fields).map(
      ([name, decode]) => [name, decode(given.get(name), context)] as const,
    );
    const unknown = [...given].filter(([name]) => !Object.hasOwn(fields, name));
    // The type follows from `fields`, which the compiler cannot see through `fromEntries`.
    return Object.fromEntries([
      ...known.filter(([, value]) => value !== undefined),
      ...unknown.map(([name, value]) => [name, looseValue(value)]),
    ]) as StructOf<F>;
  };
}

/** Null where the value is absent or null. */
export function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (node, context) => (isNull(node) ? null : decoder(node, context));
}

/** Left out where the value is absent or null. */
export function optional<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (node, context) => (isNull(node) ? undefined : decoder(node, context));
}

/** Left out where the value is zero: an empty text, false, an empty list. */
export function omitZero<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (node, context) => {
    const value = decoder(node, context);
    const empty = value === "" || value === false || value === null || isEmptyCollection(value);
    return empty ? undefined : value;
  };
}

function isEmptyCollection(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** A list; null where absent. Null elements are dropped. */
export function listOf<T>(typeName: string, element: Decoder<T>): Decoder<T[] | null> {
  return (node, context) => {
    const target = node && deref(node);
    if (!target || isNull(target)) return null;
    if (target.kind !== "list") {
      reportType(target, `[]${typeName}`, context);
      return null;
    }
    return target.items.filter((item) => !isNull(item)).map((item) => element(item, context));
  };
}

/** A list that is empty where absent. */
export function listOrEmpty<T>(typeName: string, element: Decoder<T>): Decoder<T[]> {
  const decoder = listOf(typeName, element);
  return (node, context) => decoder(node, context) ?? [];
}
