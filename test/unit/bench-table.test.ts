import { describe, expect, test } from "bun:test";
import { isReached } from "../../scripts/bench/measure.ts";
import { parseOptions, PARTS } from "../../scripts/bench/options.ts";
import { median, quantile } from "../../scripts/bench/statistics.ts";
import { formatTable, formatValue } from "../../scripts/bench/table.ts";

describe("median()", () => {
  test("is the middle one of an odd number, whatever their order", () => {
    expect(median([9, 1, 5])).toBe(5);
  });
  test("is the mean of the two middle ones of an even number", () => {
    expect(median([10, 1, 4, 2])).toBe(3);
  });
  test("is NaN for nothing", () => {
    expect(median([])).toBeNaN();
  });
  test("leaves its input in order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("quantile()", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  test("is the nearest rank", () => {
    expect([0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 99, 100]);
  });
  test("of one value is that value", () => {
    expect([0, 0.5, 1].map((share) => quantile([7], share))).toEqual([7, 7, 7]);
  });
  test("is NaN for nothing", () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("isReached()", () => {
  const measure = { what: "x", unit: "req/s", plugd: 70, bare: 100, share: 0.7 } as const;

  test("holds the share, or the value, against the limit, which itself counts as reached", () => {
    expect(isReached({ ...measure, goal: { of: "share", kind: "at least", limit: 0.7 } })).toBe(true);
    expect(isReached({ ...measure, goal: { of: "share", kind: "at least", limit: 0.71 } })).toBe(false);
    expect(isReached({ ...measure, goal: { of: "value", kind: "at most", limit: 70 } })).toBe(true);
    expect(isReached({ ...measure, goal: { of: "value", kind: "at most", limit: 69 } })).toBe(false);
  });
  test("is undefined without a goal", () => {
    expect(isReached(measure)).toBeUndefined();
  });
  test("is false for what could not be measured", () => {
    const goal = { of: "value", kind: "at most", limit: 70 } as const;
    expect(isReached({ ...measure, plugd: Number.NaN, goal })).toBe(false);
    expect(isReached({ what: "x", unit: "s", plugd: 1, goal: { ...goal, of: "share" } })).toBe(false);
  });
});

describe("formatValue()", () => {
  test("keeps the digits that mean something", () => {
    expect(formatValue(9380.4, "req/s")).toBe("9,380 req/s");
    expect(formatValue(4.1149, "s")).toBe("4.11 s");
    expect(formatValue(38.24, "µs")).toBe("38.2 µs");
    expect(formatValue(0, "calls")).toBe("0 calls");
  });
  test("counts many items in thousands", () => {
    expect(formatValue(724_400, "items/s")).toBe("724 k items/s");
  });
  test("shows what is no number as such", () => {
    expect(formatValue(Number.NaN, "s")).toBe("?");
  });
});

describe("formatTable()", () => {
  test("aligns numbers at their right end and tells a missed goal in capitals", () => {
    const goal = { of: "share", kind: "at least", limit: 0.75 } as const;
    expect(
      formatTable([
        {
          part: "a",
          what: "one",
          unit: "req/s",
          bare: 10_000,
          plugd: 8000,
          share: 0.8,
          goal,
          detail: "p99 3 ms",
        },
        { part: "a", what: "many", unit: "req/s", bare: 900, plugd: 90, share: 0.1, goal },
        { part: "d", what: "slow", unit: "s", plugd: 4.125 },
      ]).split("\n"),
    ).toEqual([
      "   measure  held against        plugd  share    goal  reached",
      "a  one      10,000 req/s  8,000 req/s   0.80  ≥ 0.75  yes      p99 3 ms",
      "a  many        900 req/s     90 req/s   0.10  ≥ 0.75  NO",
      "d  slow                        4.13 s",
    ]);
  });
});

describe("parseOptions()", () => {
  test("measures everything when nothing is named", () => {
    expect(parseOptions([])).toEqual({
      only: PARTS,
      quick: false,
      build: false,
      strict: false,
      help: false,
      jsonPath: "dist/bench.json",
    });
  });
  test("takes letters in any order and case, and runs them in the table's", () => {
    expect(parseOptions(["--only", "H, a"]).only).toEqual(["a", "h"]);
  });
  test("refuses a measurement that does not exist, by its name", () => {
    expect(() => parseOptions(["--only", "a,x"])).toThrow('"x"');
  });
  test("refuses an option that it does not know", () => {
    expect(() => parseOptions(["--fast"])).toThrow("--fast");
  });
});
