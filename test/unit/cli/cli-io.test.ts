import { expect, test } from "bun:test";
import { forOutput, styleFor } from "../../../src/cli/cli-io.ts";
import { testOutput } from "./test-io.ts";

test("styleFor() colours a terminal only", () => {
  expect(styleFor(testOutput({ terminal: true }), {}).red("x")).toBe("\u001b[31mx\u001b[39m");
  expect(styleFor(testOutput({ terminal: false }), {}).red("x")).toBe("x");
});

test("styleFor() heeds NO_COLOR and TERM=dumb", () => {
  const terminal = testOutput({ terminal: true });
  expect(styleFor(terminal, { NO_COLOR: "1" }).bold("x")).toBe("x");
  expect(styleFor(terminal, { NO_COLOR: "" }).bold("x")).not.toBe("x");
  expect(styleFor(terminal, { TERM: "dumb" }).bold("x")).toBe("x");
});

test("forOutput() takes control characters out for a terminal and keeps line feeds and tabs", () => {
  const text = "a\u001b]0;title\u0007b\u001b[2J\r\n\tc\u009b31m é ✓";
  expect(forOutput(text, testOutput({ terminal: true }))).toBe("a]0;titleb[2J\n\tc31m é ✓");
  expect(forOutput(text, testOutput({ terminal: false }))).toBe(text);
});
