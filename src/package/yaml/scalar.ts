import type { YamlScalar } from "./node.ts";
import { parseUnquotedTime } from "./timestamp.ts";

/** What a scalar means where its place does not say what it has to be. */
export type Resolved =
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "time"; readonly value: string }
  | { readonly kind: "string"; readonly value: string };

const NULLS = new Set(["", "~", "null", "Null", "NULL"]);
const BOOLS = new Map([
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
]);
const FLOATS = new Map([
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, Number.NaN] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((word) => [word, Infinity] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((word) => [word, -Infinity] as const),
]);
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INT = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const MAX_INT = 2n ** 64n - 1n;
const MIN_INT = -(2n ** 63n);

/**
 * Gives a scalar its type as the reference does: YAML 1.2, and of 1.1 timestamps, legacy octals and underscores
 * (contract/plugin-package 0.1). Quoted scalars and blocks are strings.
 */
export function resolveScalar(node: YamlScalar): Resolved {
  const { text, tag } = node;
  if (tag === "!!str" || (!node.plain && tag === undefined) || tag === "!!binary")
    return { kind: "string", value: text };
  const resolved = resolvePlain(text);
  // Quoted with an explicit tag, such as `!!int "3"`; a time stays a string there.
  if (!node.plain && resolved.kind === "time" && tag !== "!!timestamp")
    return { kind: "string", value: text };
  if (tag === "!!float" && resolved.kind === "int") return { kind: "float", value: Number(resolved.value) };
  return resolved;
}

function resolvePlain(text: string): Resolved {
  if (NULLS.has(text)) return { kind: "null" };
  const bool = BOOLS.get(text);
  if (bool !== undefined) return { kind: "bool", value: bool };
  const special = FLOATS.get(text);
  if (special !== undefined) return { kind: "float", value: special };
  if (!/^[-+.0-9]/.test(text)) return { kind: "string", value: text };
  const time = parseUnquotedTime(text);
  if (time !== undefined) return { kind: "time", value: time };
  // Underscores may stand anywhere in a number, except right behind a leading point.
  const plain = text.startsWith("._") ? text : text.replaceAll("_", "");
  const int = parseInteger(plain);
  if (int !== undefined) return { kind: "int", value: int };
  if (FLOAT.test(plain) && Number.isFinite(Number(plain))) return { kind: "float", value: Number(plain) };
  return { kind: "string", value: text };
}

function parseInteger(text: string): bigint | undefined {
  const match = INT.exec(text);
  if (!match) return undefined;
  const [, sign, hex, binary, octal, decimal = ""] = match;
  let value: bigint;
  if (hex !== undefined) value = BigInt(`0x${hex}`);
  else if (binary !== undefined) value = BigInt(`0b${binary}`);
  else if (octal !== undefined) value = BigInt(`0o${octal}`);
  else value = BigInt(decimal);
  if (sign === "-") value = -value;
  // What 64 bits cannot hold becomes a float.
  return value > MAX_INT || value < MIN_INT ? undefined : value;
}
