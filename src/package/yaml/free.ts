import type { Decoder } from "./decode.ts";
import { type DecodeContext, entriesOf, keyText } from "./entries.ts";
import { deref, type YamlMap, type YamlNode, type YamlScalar } from "./node.ts";
import { resolveScalar } from "./scalar.ts";
import { reportType } from "./type-error.ts";

/** Any value, with the keys of its mappings sorted. What JSON cannot say is an error. */
export const free: Decoder<unknown> = (node, context) => (node ? strictValue(node, context, "text") : null);

/** A mapping of any values; null where absent. */
export const freeMap: Decoder<Record<string, unknown> | null> = (node, context) =>
  mapping(node, context, "text");

/** As `freeMap`, but keys of any scalar type are turned into text at every level. */
export const freeMapAnyKeys: Decoder<Record<string, unknown> | null> = (node, context) =>
  mapping(node, context, "any");

/** Left out where absent or empty. */
export const freeMapOmitEmpty: Decoder<Record<string, unknown> | undefined> = (node, context) => {
  const map = mapping(node, context, "text");
  return map && Object.keys(map).length > 0 ? map : undefined;
};

/**
 * Any value of a key that we don't know. The reference never looks at these, so nothing in them is an error: of
 * duplicate keys the first counts, a key becomes text, and what JSON cannot say becomes null.
 */
export function looseValue(node: YamlNode): unknown {
  const target = deref(node);
  if (target.kind === "scalar") {
    const value = scalarValue(target);
    return value === undefined ? null : value;
  }
  if (target.kind === "list") return target.items.map(looseValue);
  const entries = new Map<string, unknown>();
  for (const { key, value } of target.pairs) {
    const name = keyText(key);
    if (name !== undefined && !entries.has(name)) entries.set(name, looseValue(value));
  }
  return Object.fromEntries(entries);
}

/** `text`: below the first level only strings may be keys. */
type Keys = "text" | "any";

function mapping(
  node: YamlNode | undefined,
  context: DecodeContext,
  keys: Keys,
): Record<string, unknown> | null {
  const target = node && deref(node);
  if (!target || (target.kind === "scalar" && resolveScalar(target).kind === "null")) return null;
  if (target.kind === "map") return mapValue(target, context, keys);
  reportType(target, "map[string]interface {}", context);
  return null;
}

function strictValue(node: YamlNode, context: DecodeContext, keys: Keys): unknown {
  const target = deref(node);
  if (target.kind === "list") return target.items.map((item) => strictValue(item, context, keys));
  if (target.kind === "scalar") {
    const value = scalarValue(target);
    if (value === undefined) reportType(target, "a JSON number", context);
    return value ?? null;
  }
  if (keys === "text")
    for (const { key } of target.pairs) {
      const node = deref(key);
      if (node.kind !== "scalar" || resolveScalar(node).kind !== "string")
        reportType(node, "a key of a JSON object", context);
    }
  return mapValue(target, context, keys);
}

function mapValue(map: YamlMap, context: DecodeContext, keys: Keys): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const { key, value } of entriesOf(map, context)) {
    const name = keyText(key);
    if (name === undefined) reportType(deref(key), "a key of a JSON object", context);
    else entries.push([name, strictValue(value, context, keys)]);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Undefined for infinity and NaN, which JSON cannot say. */
function scalarValue(node: YamlScalar): unknown {
  const resolved = resolveScalar(node);
  if (resolved.kind === "null") return null;
  if (resolved.kind === "int") return exactInteger(resolved.value);
  return resolved.kind === "float" && !Number.isFinite(resolved.value) ? undefined : resolved.value;
}

/** Beyond 2^53 the digits are kept as raw JSON, because a number would lose some of them. */
function exactInteger(value: bigint): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : JSON.rawJSON(String(value));
}
