import { expect, test } from "bun:test";
import { formatBytes, formatDuration, formatTable } from "../../../src/cli/format.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [1500, "1.5 kB"],
  [9960, "10 kB"],
  [10_240, "10 kB"],
  [999_499, "999 kB"],
  [999_500, "1 MB"],
  [113_000_000, "113 MB"],
  [5_000_000_000_000, "5000 GB"],
])("formatBytes(%p) is %p", (count, text) => {
  expect(formatBytes(count)).toBe(text);
});

test.each([
  [0.4, "0 ms"],
  [84.4, "84 ms"],
  [999.6, "1.0 s"],
  [1440, "1.4 s"],
  [9960, "10 s"],
  [59_900, "60 s"],
  [60_000, "1 min"],
  [119 * 60_000, "1 h"],
  [47 * 3_600_000, "47 h"],
  [48 * 3_600_000, "2 d"],
])("formatDuration(%p) is %p", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("formatTable() lines columns up by cells, without blanks at the ends", () => {
  expect(
    formatTable([
      ["A", "B", "C"],
      ["日本", "x", ""],
      ["a", "longer", "c"],
    ]),
  ).toBe("A     B       C\n日本  x\na     longer  c\n");
});
