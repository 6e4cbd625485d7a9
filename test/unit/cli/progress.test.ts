import { expect, test } from "bun:test";
import { showProgress } from "../../../src/cli/progress.ts";
import { testOutput } from "./test-io.ts";

test("showProgress() writes a line a step in a pipe, and none twice", () => {
  const output = testOutput();
  const progress = showProgress(output);
  progress.show("unpack");
  progress.show("unpack");
  progress.show("");
  progress.show("dependencies: Resolved 41 packages");
  progress.clear();
  expect(output.text).toBe("unpack\ndependencies: Resolved 41 packages\n");
});

test("showProgress() overwrites one line of a terminal and takes it off at the end", () => {
  const output = testOutput({ terminal: true, columns: 10 });
  const progress = showProgress(output);
  progress.show("one");
  progress.show("a\nlonger step");
  progress.clear();
  progress.clear();
  expect(output.writes).toEqual(["\r\u001b[2Kone", "\r\u001b[2Ka longer…", "\r\u001b[2K"]);
});

test("showProgress() never fills the last column, wide characters counted", () => {
  const output = testOutput({ terminal: true, columns: 8 });
  showProgress(output).show("日本語日本語");
  expect(output.text).toBe("\r\u001b[2K日本語…");
});
