import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Decoder } from "./decode.ts";
import { parseDecimal } from "./decimal.ts";
import { deref, type YamlScalar } from "./node.ts";
import { type Resolved, resolveScalar } from "./scalar.ts";
import { parseRfc3339, ZERO_TIME } from "./timestamp.ts";
import { reportType } from "./type-error.ts";

/** Words of YAML 1.1, which count where a bool is wanted, quoted or not. */
const TRUE_WORDS = new Set(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"]);
const FALSE_WORDS = new Set(["n", "N", "no", "No", "NO", "off", "Off", "OFF"]);
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

/** A decoder of scalars: `take` gives undefined where the scalar does not fit; null gives `zero`. */
function scalar<T>(
  typeName: string,
  zero: T,
  take: (resolved: Resolved, node: YamlScalar) => T | undefined,
): Decoder<T> {
  return (node, context) => {
    const target = node && deref(node);
    if (!target) return zero;
    if (target.kind === "scalar") {
      const resolved = resolveScalar(target);
      if (resolved.kind === "null") return zero;
      const value = take(resolved, target);
      if (value !== undefined) return value;
    }
    reportType(target, typeName, context);
    return zero;
  };
}

/** Any scalar as it is written: `1.10` stays `1.10`, `true` is `"true"`. */
export const text: Decoder<string> = scalar("string", "", (_, node) => node.text);

export const flag: Decoder<boolean> = scalar<boolean>("bool", false, (resolved) => {
  if (resolved.kind === "bool") return resolved.value;
  if (resolved.kind !== "string") return undefined;
  if (TRUE_WORDS.has(resolved.value)) return true;
  return FALSE_WORDS.has(resolved.value) ? false : undefined;
});

/** A whole number of 64 bits; a fraction is cut off. */
export const integer: Decoder<number> = scalar("int64", 0, (resolved) =>
  truncate(resolved, MIN_INT64, MAX_INT64),
);

export const unsigned: Decoder<number> = scalar("uint64", 0, (resolved) =>
  truncate(resolved, 0n, MAX_UINT64),
);

function truncate(resolved: Resolved, min: bigint, max: bigint): number | undefined {
  if (resolved.kind !== "int" && resolved.kind !== "float") return undefined;
  if (!Number.isFinite(Number(resolved.value))) return undefined;
  const value = typeof resolved.value === "bigint" ? resolved.value : BigInt(Math.trunc(resolved.value));
  return value < min || value > max ? undefined : Number(value);
}

export const float: Decoder<number> = scalar("float64", 0, (resolved) => {
  if (resolved.kind === "int") return Number(resolved.value);
  // Infinity and NaN have no JSON.
  return resolved.kind === "float" && Number.isFinite(resolved.value) ? resolved.value : undefined;
});

/** A time as RFC 3339 with its offset. Throws `bad_request` at once where the text is none. */
export const time: Decoder<string> = scalar("time.Time", ZERO_TIME, (resolved, node) => {
  if (resolved.kind === "time") return resolved.value;
  const value = parseRfc3339(node.text);
  if (value === undefined)
    throw new DaemonError(
      "bad_request",
      `line ${node.line}: parsing time ${JSON.stringify(node.text)}: cannot be read as RFC 3339, such as "2024-07-12T08:03:44Z"`,
    );
  return value;
});

/** A decimal number as text, digits kept. Throws `bad_request` at once where the text is none. */
export const decimal: Decoder<string> = scalar("decimal.Decimal", "0", (_, node) => {
  const value = parseDecimal(node.text);
  if (value === undefined)
    throw new DaemonError(
      "bad_request",
      `line ${node.line}: error decoding string '${node.text}': can't convert to decimal`,
    );
  return value;
});
