import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDaemonRecord, writeDaemonRecord } from "../../src/store/daemon-record.ts";

const RECORD = { url: "http://127.0.0.1:1", pid: 4711, version: "1.2.3", started_at: "2026-01-01T00:00:00Z" };
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plugd-record-"));
  file = join(folder, "daemon.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("writeDaemonRecord() writes what readDaemonRecord() reads, for its owner only, and removes it", async () => {
  expect(await readDaemonRecord(folder)).toBeUndefined();
  const remove = await writeDaemonRecord(folder, RECORD);
  expect(await readDaemonRecord(folder)).toEqual(RECORD);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await remove();
  await remove();
  expect(existsSync(file)).toBe(false);
});

test.each(["", "{", "null", '{"url":"x"}', '{"url":1,"pid":1,"version":"","started_at":""}'])(
  "readDaemonRecord() takes %j for none",
  async (text) => {
    writeFileSync(file, text);
    expect(await readDaemonRecord(folder)).toBeUndefined();
  },
);
