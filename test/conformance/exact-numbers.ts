/** An integer that a double cannot tell from its neighbours, as the recordings write it. */
export interface BigInteger {
  readonly $int: string;
}

/** `JSON.parse`, but integers beyond 2^53 become `{"$int": "…"}` with all their digits. Throws `SyntaxError`. */
export function parseKeepingIntegers(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source ?? "";
    if (typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d{16,}$/.test(source)) return value;
    return { $int: source } satisfies BigInteger;
  });
}

/** The digits of such an integer, undefined for all other values. */
export function digitsOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("$int" in value)) return undefined;
  return typeof value.$int === "string" ? value.$int : undefined;
}
