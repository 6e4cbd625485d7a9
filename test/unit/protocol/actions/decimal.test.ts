import { describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { Decimal, DecimalOrNull, plainDecimal } from "../../../../src/protocol/actions/decimal.ts";

describe("plainDecimal()", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    ["0.0000300", "0.00003"],
    ["2.50", "2.5"],
    ["10.00", "10"],
    ["10", "10"],
    ["0", "0"],
    ["0.0", "0"],
    ["-0.00", "0"],
    ["-1.50", "-1.5"],
    ["+1.5", "1.5"],
    [".5", "0.5"],
    ["5.", "5"],
    ["007", "7"],
    ["0E-7", "0"],
    ["1E-7", "0.0000001"],
    ["1E+3", "1000"],
    ["1.25e1", "12.5"],
    ["1.25e2", "125"],
    ["25e-1", "2.5"],
    [0.00003, "0.00003"],
    [1e-7, "0.0000001"],
    [1e21, "1000000000000000000000"],
    [-0, "0"],
    [2.5, "2.5"],
  ];
  for (const [value, text] of cases)
    test(`tells ${JSON.stringify(value)} as ${JSON.stringify(text)}`, () => {
      expect(plainDecimal(value)).toBe(text);
      expect(Value.Check(Decimal, text)).toBe(true);
    });

  test("leaves what is no decimal to the check, which refuses it", () => {
    for (const value of [
      "",
      "abc",
      "1,5",
      ".",
      "1e",
      "1e99999",
      "1E+9999",
      "NaN",
      " 1",
      "Infinity",
      null,
      true,
      {},
      [],
    ]) {
      expect(plainDecimal(value)).toBe(value);
      expect(Value.Check(Decimal, value)).toBe(false);
    }
    expect(Value.Check(DecimalOrNull, null)).toBe(true);
  });

  test("keeps the value and is stable", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = plainDecimal(number);
        expect(Number(text)).toBe(number === 0 ? 0 : number);
        expect(plainDecimal(text)).toBe(text);
        expect(text).not.toMatch(/[eE]|\.$|\.\d*0$/);
      }),
    );
  });
});
