import { type TSchema, Type } from "@sinclair/typebox";

/** Money has far fewer; an exponent beyond would let a few bytes become megabytes. */
const MAX_EXPONENT = 400;
const PLAIN = /^(?:0|-?(?:[1-9][0-9]*|0(?=\.))(?:\.[0-9]*[1-9])?)$/;
const DECIMAL = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/;

/** A price, sent as a text or a number, told as a text without zeros at its end (contract/http-api 1.4). */
export const Decimal: TSchema = Type.String({ pattern: PLAIN.source, refine: plainDecimal });
export const DecimalOrNull: TSchema = Type.Union([Type.String({ pattern: PLAIN.source }), Type.Null()], {
  default: null,
  refine: plainDecimal,
});

/** `"0.0000300"` and `3e-5` become `"0.00003"`; what is no decimal is left as it is. */
export function plainDecimal(value: unknown): unknown {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || PLAIN.test(text)) return text;
  const match = DECIMAL.exec(text);
  if (!match) return text;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  const exponent = Number(exponentText);
  if (whole + fraction === "" || Math.abs(exponent) > MAX_EXPONENT) return text;
  const point = whole.length + exponent;
  const digits = (whole + fraction)
    .padEnd(point, "0")
    .padStart(whole.length + fraction.length + Math.max(0, -point), "0");
  const cut = Math.max(0, point);
  const integer = digits.slice(0, cut).replace(/^0+/, "");
  const rest = digits.slice(cut).replace(/0+$/, "");
  if (integer === "" && rest === "") return "0";
  return `${sign === "-" ? "-" : ""}${integer || "0"}${rest && `.${rest}`}`;
}
