const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** The notations of true and false that the reference knows, and no other (lifecycle.md 10.1); else undefined. */
export function readBoolean(text: string): boolean | undefined {
  return BOOLEANS.get(text);
}

const INTEGER =
  /^([+-]?)(?:0[xX](?<hex>(?:_?[\da-fA-F])+)|0[bB](?<bin>(?:_?[01])+)|0[oO]?(?<oct>(?:_?[0-7])+)|(?<dec>0|[1-9](?:_?\d)*))$/;

/**
 * Integers as Go writes them: decimal, `0x1f`, `0o17` or `017`, `0b11`, with `_` between digits (lifecycle.md 10.1).
 * Undefined for anything else, also for what a JavaScript number cannot hold exactly.
 */
export function readInteger(text: string): number | undefined {
  const match = INTEGER.exec(text);
  if (match === null) return undefined;
  const { hex, bin, oct, dec } = match.groups ?? {};
  const digits = (hex ?? bin ?? oct ?? dec ?? "").replaceAll("_", "");
  const radix = hex !== undefined ? 16 : bin !== undefined ? 2 : oct !== undefined ? 8 : 10;
  const magnitude = Number.parseInt(digits, radix);
  if (!Number.isSafeInteger(magnitude)) return undefined;
  return match[1] === "-" && magnitude !== 0 ? -magnitude : magnitude;
}

/** A decimal number, such as `0.25` or `1e-3`; undefined for anything else, also where it is no finite one. */
export function readNumber(text: string): number | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["μs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);
// One way to read a run of digits: with two, a long one takes time by its square.
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Go durations such as `1m30s`, `1.5h` or `0`, in milliseconds; undefined for anything else, also a bare number. */
export function readDurationMs(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  if (body === "") return undefined;
  let total = 0;
  let at = 0;
  while (at < body.length) {
    DURATION_PART.lastIndex = at;
    const part = DURATION_PART.exec(body);
    const unitMs = UNIT_MS.get(part?.[2] ?? "");
    if (part === null || unitMs === undefined) return undefined;
    total += Number(part[1]) * unitMs;
    at = DURATION_PART.lastIndex;
  }
  return sign * total;
}

/** Items between commas, without the spaces around them; empty ones don't count. */
export function readList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
