import { expect, test } from "bun:test";
import { formatResultLine } from "../../../src/cli/result-line.ts";

test("formatResultLine() is the line that scripts read, in local time", () => {
  const time = new Date(2026, 0, 2, 3, 4, 5);
  expect(
    formatResultLine({
      time,
      level: "INFO",
      message: "plugin packaged successfully",
      attributes: { output_path: "a.difypkg" },
    }),
  ).toBe("2026/01/02 03:04:05 INFO plugin packaged successfully output_path=a.difypkg\n");
});

test("formatResultLine() quotes values with spaces, quotes, equals signs and control characters", () => {
  const attributes = { a: "x y", b: 'x"', c: "x=y", d: "", e: "x\u001b", n: 5 };
  expect(formatResultLine({ time: new Date(), level: "WARN", message: "m", attributes }).slice(20)).toBe(
    'WARN m a="x y" b="x\\"" c="x=y" d="" e="x\\u001b" n=5\n',
  );
});
