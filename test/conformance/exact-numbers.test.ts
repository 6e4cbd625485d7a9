import { expect, test } from "bun:test";
import { digitsOf, parseKeepingIntegers } from "./exact-numbers.ts";

test("parseKeepingIntegers() keeps the digits of integers that a double would round", () => {
  expect(
    parseKeepingIntegers(
      '{"a":9007199254740993,"b":[-12345678901234567890],"c":9007199254740991,"d":1e400,"e":1.5}',
    ),
  ).toEqual({
    a: { $int: "9007199254740993" },
    b: [{ $int: "-12345678901234567890" }],
    c: 9007199254740991,
    d: Number.POSITIVE_INFINITY,
    e: 1.5,
  });
  expect(() => parseKeepingIntegers("{")).toThrow(SyntaxError);
});

test("digitsOf() knows such an integer from everything else", () => {
  expect(digitsOf({ $int: "9007199254740993" })).toBe("9007199254740993");
  for (const other of [9007199254740992, "9007199254740993", null, undefined, { $int: 5 }, {}, []])
    expect(digitsOf(other)).toBeUndefined();
});
