/** The exact sum of decimal numbers such as `0.0002`, with as many places as the finest of them has. */
export function addDecimals(texts: readonly string[]): string {
  const places = Math.max(0, ...texts.map((text) => fractionOf(text).length));
  const total = texts.reduce(
    (sum, text) => sum + BigInt(`${text.split(".")[0]}${fractionOf(text).padEnd(places, "0")}`),
    0n,
  );
  const sign = total < 0n ? "-" : "";
  const digits = (total < 0n ? -total : total).toString().padStart(places + 1, "0");
  return places === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

function fractionOf(text: string): string {
  return text.split(".")[1] ?? "";
}
