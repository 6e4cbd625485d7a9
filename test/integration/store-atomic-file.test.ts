import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTemporaryFile, writeFileAtomic } from "../../src/lib/atomic-file.ts";
import { rejection } from "../support/rejection.ts";

const root = await mkdtemp(join(tmpdir(), "plugd-atomic-"));
afterAll(() => rm(root, { recursive: true, force: true }));

async function folder(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  return path;
}

test("writeFileAtomic() writes text and bytes, and replaces", async () => {
  const dir = await folder("write");
  await writeFileAtomic(join(dir, "file"), "täxt");
  expect(await readFile(join(dir, "file"), "utf8")).toBe("täxt");
  await writeFileAtomic(join(dir, "file"), new Uint8Array([1, 2, 3]));
  expect([...(await readFile(join(dir, "file")))]).toEqual([1, 2, 3]);
  expect(await readdir(dir)).toEqual(["file"]);
});

test("writeFileAtomic() gives the file its mode, also in place of one with another", async () => {
  const dir = await folder("mode");
  await writeFile(join(dir, "key"), "old", { mode: 0o644 });
  await writeFileAtomic(join(dir, "key"), "new", { mode: 0o600 });
  expect((await stat(join(dir, "key"))).mode & 0o777).toBe(0o600);
});

test("writeFileAtomic() fails with the system's code and leaves nothing", async () => {
  const dir = await folder("fail");
  expect(await rejection(writeFileAtomic(join(dir, "none/file"), "x"))).toMatchObject({ code: "ENOENT" });
  await mkdir(join(dir, "taken"));
  expect(await rejection(writeFileAtomic(join(dir, "taken"), "x"))).toMatchObject({ code: "EISDIR" });
  expect(await readdir(dir)).toEqual(["taken"]);
});

test("writeFileAtomic() replaces a link, not what it points to", async () => {
  const dir = await folder("link");
  await writeFile(join(dir, "target"), "kept");
  await symlink("target", join(dir, "link"));
  await writeFileAtomic(join(dir, "link"), "new");
  expect(await readFile(join(dir, "target"), "utf8")).toBe("kept");
  expect(await readFile(join(dir, "link"), "utf8")).toBe("new");
});

test("writeFileAtomic() never shows a reader a part, while many write the same file", async () => {
  const dir = await folder("readers");
  const path = join(dir, "file");
  const size = 1 << 20;
  await writeFileAtomic(path, new Uint8Array(size));
  const writes = Promise.all(
    Array.from({ length: 8 }, (_, n) => writeFileAtomic(path, new Uint8Array(size).fill(n + 1))),
  );
  for (let reads = 0; reads < 30; reads++) {
    const bytes = await readFile(path);
    expect(bytes.length).toBe(size);
    expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
  }
  await writes;
  expect(await readdir(dir)).toEqual(["file"]);
});

test("isTemporaryFile() knows names that are being written", () => {
  expect(isTemporaryFile("/a/.tmp-123")).toBe(true);
  expect(isTemporaryFile("/.tmp-a/file")).toBe(false);
  expect(isTemporaryFile("tmp-123")).toBe(false);
});
