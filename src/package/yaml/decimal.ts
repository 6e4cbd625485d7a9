const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
/** No price needs more; without a bound a short text could ask for gigabytes of zeros. */
const MAX_EXPONENT = 1000;

/**
 * A number in plain notation without trailing zeros, all its digits kept: `2.50` → `2.5`, `1e-7` → `0.0000001`
 * (contract/plugin-package 0.1). Undefined where the text is no number.
 */
export function parseDecimal(text: string): string | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign = "", whole = "", part = "", exponentText = "0"] = match;
  const digits = whole + part;
  const exponent = Number(exponentText);
  if (!digits || Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const point = whole.length + exponent;
  const integer = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "";
  const rest = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  const head = integer.replace(/^0+/, "") || "0";
  const tail = rest.replace(/0+$/, "");
  const value = tail ? `${head}.${tail}` : head;
  return sign === "-" && value !== "0" ? `-${value}` : value;
}
