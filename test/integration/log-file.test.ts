import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLogFile } from "../../src/lib/log-file.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plugd-log-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("openLogFile() makes the folder 0700 and the file 0600", () => {
  const path = join(folder, "logs", "server.log");
  const file = openLogFile(path);
  file.write("ä 1\n");
  file.close();
  expect(statSync(join(folder, "logs")).mode & 0o777).toBe(0o700);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).toBe("ä 1\n");
});

test("openLogFile() appends to what is there", () => {
  const path = join(folder, "server.log");
  writeFileSync(path, "old\n");
  const file = openLogFile(path);
  file.write("new\n");
  file.close();
  expect(readFileSync(path, "utf8")).toBe("old\nnew\n");
});

test("openLogFile() goes on at the end after the file was cut by a log rotation", () => {
  const path = join(folder, "server.log");
  const file = openLogFile(path);
  file.write("before\n");
  writeFileSync(path, "");
  file.write("after\n");
  file.close();
  expect(readFileSync(path, "utf8")).toBe("after\n");
});

test("openLogFile() names the path when it cannot be opened", () => {
  expect(() => openLogFile(folder)).toThrow(`Cannot open the log file "${folder}"`);
});

test("openLogFile() refuses to write after close(), which may be called twice", () => {
  const file = openLogFile(join(folder, "server.log"));
  file.close();
  file.close();
  expect(() => file.write("late\n")).toThrow("it is closed");
});
