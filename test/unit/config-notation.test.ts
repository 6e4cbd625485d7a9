import { describe, expect, test } from "bun:test";
import { readBoolean, readDurationMs, readInteger, readList, readNumber } from "../../src/config/notation.ts";

describe("readBoolean()", () => {
  test.each(["1", "t", "T", "TRUE", "true", "True"])("takes %s for true", (text) => {
    expect(readBoolean(text)).toBe(true);
  });
  test.each(["0", "f", "F", "FALSE", "false", "False"])("takes %s for false", (text) => {
    expect(readBoolean(text)).toBe(false);
  });
  test.each(["yes", "on", "off", "tRUE", " true", "2", ""])("does not know %j", (text) => {
    expect(readBoolean(text)).toBeUndefined();
  });
});

describe("readNumber()", () => {
  test.each([
    ["0", 0],
    ["1.0", 1],
    [".25", 0.25],
    ["-0.5", -0.5],
    ["1e-3", 0.001],
    ["2.", 2],
  ])("reads %s", (text, value) => {
    expect(readNumber(text)).toBe(value);
  });
  test.each(["", "x", "1,5", "0x1", "NaN", "Infinity", "1e999", " 1", "1 "])("does not know %j", (text) => {
    expect(readNumber(text)).toBeUndefined();
  });
});

describe("readInteger()", () => {
  test.each([
    ["5002", 5002],
    ["0", 0],
    ["-0", 0],
    ["+7", 7],
    ["-7", -7],
    ["0x1F", 31],
    ["0X1f", 31],
    ["0o17", 15],
    ["017", 15],
    ["0b101", 5],
    ["1_000_000", 1_000_000],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("reads %s", (text, value) => {
    expect(readInteger(text)).toBe(value);
  });
  test.each([
    "",
    " 5",
    "5 ",
    "5.0",
    "1e3",
    "08",
    "0x",
    "0b2",
    "_1",
    "1_",
    "1__0",
    "five",
    "9007199254740992",
    "--1",
  ])("does not know %j", (text) => {
    expect(readInteger(text)).toBeUndefined();
  });
});

describe("readDurationMs()", () => {
  test.each([
    ["5s", 5000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["5.s", 5000],
    ["250ms", 250],
    ["10us", 0.01],
    ["10µs", 0.01],
    ["0", 0],
    ["+2s", 2000],
    ["-2s", -2000],
  ])("reads %s", (text, ms) => {
    expect(readDurationMs(text)).toBeCloseTo(ms, 9);
  });
  test.each(["", "5", "s", "5 s", "5d", "1m30", "1s!", "-", "."])("does not know %j", (text) => {
    expect(readDurationMs(text)).toBeUndefined();
  });
});

test.each([
  ["readInteger", readInteger],
  ["readDurationMs", readDurationMs],
])("%s() takes no time by the square of a long number", (_, read) => {
  const began = process.cpuUsage();
  for (const text of ["9".repeat(20_000), `${"0_".repeat(10_000)}x`, `1.${"9".repeat(20_000)}`])
    expect(read(text)).toBeUndefined();
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(500);
});

test("readList() trims items and drops empty ones", () => {
  expect(readList(" /a.pem, /b.pem ,,")).toEqual(["/a.pem", "/b.pem"]);
  expect(readList(" , ")).toEqual([]);
});
