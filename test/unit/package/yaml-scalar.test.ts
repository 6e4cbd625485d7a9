import { describe, expect, test } from "bun:test";
import { parseDecimal } from "../../../src/package/yaml/decimal.ts";
import { resolveScalar } from "../../../src/package/yaml/scalar.ts";
import { parseRfc3339, parseUnquotedTime } from "../../../src/package/yaml/timestamp.ts";

const plain = (text: string) => resolveScalar({ kind: "scalar", text, plain: true, tag: undefined, line: 1 });

describe("resolveScalar()", () => {
  // What a Go decoder of the reference's kind makes of the same texts.
  const cases: Record<string, [string, unknown][]> = {
    null: ["", "~", "null", "Null", "NULL"].map((text) => [text, undefined]),
    bool: [
      ["true", true],
      ["False", false],
      ["TRUE", true],
    ],
    int: [
      ["1", 1n],
      ["-1", -1n],
      ["+1", 1n],
      ["1_000", 1000n],
      ["1_", 1n],
      ["0x1F", 31n],
      ["-0x1F", -31n],
      ["0o17", 15n],
      ["017", 15n],
      ["-017", -15n],
      ["0b11", 3n],
      ["00", 0n],
      ["9223372036854775807", 9223372036854775807n],
      ["18446744073709551615", 18446744073709551615n],
    ],
    float: [
      ["1.0", 1],
      ["1.", 1],
      [".5", 0.5],
      ["-.5", -0.5],
      ["1e3", 1000],
      ["1.5e-3", 0.0015],
      ["08", 8],
      ["1_000.5", 1000.5],
      ["18446744073709551616", 18446744073709552000],
      [".inf", Infinity],
      ["-.INF", -Infinity],
    ],
    time: [
      ["2024-01-01", "2024-01-01T00:00:00Z"],
      ["2024-1-1", "2024-01-01T00:00:00Z"],
      ["2024-01-01 1:2:3.5", "2024-01-01T01:02:03.5Z"],
      ["2024-01-01t00:00:00+02:00", "2024-01-01T00:00:00+02:00"],
    ],
    string: [
      "yes",
      "on",
      "1:30",
      "1.2.3",
      "0x",
      "08x",
      "2024-13-01",
      "2024-01-01T00:00:00",
      "Infinity",
      "NaN",
      "tRue",
      "-",
      "._5",
      "1e400",
      "1,000",
      "0o8",
    ].map((text) => [text, text]),
  };
  for (const [kind, rows] of Object.entries(cases))
    test.each(rows)(`takes %p as ${kind}`, (text, value) => {
      const resolved: { kind: string; value?: unknown } = plain(text);
      expect(resolved.kind).toBe(kind);
      expect(resolved.value).toEqual(value);
    });

  test("takes quoted texts and !!str as strings, whatever they look like", () => {
    const quoted = { kind: "scalar", text: "1", plain: false, tag: undefined, line: 1 } as const;
    expect(resolveScalar(quoted)).toEqual({ kind: "string", value: "1" });
    expect(resolveScalar({ ...quoted, plain: true, tag: "!!str" })).toEqual({ kind: "string", value: "1" });
    expect(resolveScalar({ ...quoted, tag: "!!int" })).toEqual({ kind: "int", value: 1n });
  });
});

describe("parseUnquotedTime()", () => {
  test.each([
    ["2024-07-12T08:03:44.658609186Z", "2024-07-12T08:03:44.658609186Z"],
    ["2024-07-12T08:03:44.120000Z", "2024-07-12T08:03:44.12Z"],
    ["2024-07-12T08:03:44.1234567899Z", "2024-07-12T08:03:44.123456789Z"],
    ["2024-7-2t8:3:4-05:30", "2024-07-02T08:03:04-05:30"],
    ["2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00Z"],
    ["2024-02-29", "2024-02-29T00:00:00Z"],
    ["0096-02-29", "0096-02-29T00:00:00Z"],
  ])("prints %p as %p", (text, printed) => {
    expect(parseUnquotedTime(text)).toBe(printed);
  });

  test.each([
    "2023-02-29",
    "2024-00-01",
    "2024-01-32",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:60Z",
    "2024-01-01 00:00:00 Z",
    "2024-01-01T00:00:00z",
    "20240101",
    "2024-01-01T",
    "",
  ])("knows no time in %p", (text) => {
    expect(parseUnquotedTime(text)).toBeUndefined();
  });
});

describe("parseRfc3339()", () => {
  test("wants two digits, T and a zone", () => {
    expect(parseRfc3339("2026-01-02T03:04:05.678+02:00")).toBe("2026-01-02T03:04:05.678+02:00");
    for (const text of [
      "2024-07-12",
      "2024-07-12T08:03:44",
      "2024-7-12T08:03:44Z",
      "2024-07-12 08:03:44Z",
      "",
    ])
      expect(parseRfc3339(text)).toBeUndefined();
  });
});

describe("parseDecimal()", () => {
  test.each([
    ["2.50", "2.5"],
    ["0.00", "0"],
    ["1e-7", "0.0000001"],
    ["-1.20e2", "-120"],
    ["10", "10"],
    ["+0.30", "0.3"],
    [".5", "0.5"],
    ["5.", "5"],
    ["-0", "0"],
    ["0007", "7"],
    ["123456789012345678901234567890.10", "123456789012345678901234567890.1"],
    ["12.34e1", "123.4"],
    ["12.34e-3", "0.01234"],
  ])("prints %p as %p", (text, printed) => {
    expect(parseDecimal(text)).toBe(printed);
  });

  test.each(["", ".", "-", "1_0", "0x1", "abc", "1e", "1.2.3", ".inf", "1e999999999"])(
    "knows no number in %p",
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
    },
  );
});
