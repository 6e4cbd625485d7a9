import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskBlobStore } from "../../src/blob/disk-blob-store.ts";
import { rejection } from "../support/rejection.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";
import { testBlobStoreContract } from "../unit/blob/blob-store-contract.ts";

const folders: string[] = [];
const prefixes = { package: "plugin_packages", asset: "assets" };

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "plugd-blobs-"));
  folders.push(path);
  return path;
}

afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true, force: true });
});

testBlobStoreContract("createDiskBlobStore()", async () =>
  createDiskBlobStore({ root: await folder(), prefixes }),
);

test("createDiskBlobStore() lays packages out as the reference does", async () => {
  const root = await folder();
  const store = await createDiskBlobStore({ root, prefixes });
  await store.put("package", "acme/search:0.1.0@abc", new Uint8Array([1]));
  await store.put("asset", "icon.svg", new Uint8Array([2]));
  expect((await readdir(root, { recursive: true })).sort()).toEqual([
    "assets",
    "assets/icon.svg",
    "plugin_packages",
    "plugin_packages/acme",
    "plugin_packages/acme/search:0.1.0@abc",
  ]);
});

test("delete() removes folders that are empty then, but not the one of the kind", async () => {
  const root = await folder();
  const store = await createDiskBlobStore({ root, prefixes });
  await store.put("package", "acme/deep/a:1@1", new Uint8Array());
  await store.put("package", "acme/b:1@1", new Uint8Array());
  await store.delete("package", "acme/deep/a:1@1");
  expect(await readdir(join(root, "plugin_packages/acme"))).toEqual(["b:1@1"]);
  await store.delete("package", "acme/b:1@1");
  expect(await readdir(join(root, "plugin_packages"))).toEqual([]);
});

test("createDiskBlobStore() sweeps what torn writes left, and nothing else", async () => {
  const root = await folder();
  const first = await createDiskBlobStore({ root, prefixes });
  await first.put("package", "acme/a:1@1", new Uint8Array([1]));
  await first.put("asset", "icon.svg", new Uint8Array([1]));
  await writeFile(join(root, "plugin_packages/acme/.tmp-1234"), "half");
  await writeFile(join(root, "assets/.tmp-5678"), "half");
  await writeFile(join(root, "assets/.keep"), "");
  expect(await Array.fromAsync(first.list("asset"))).toEqual(["icon.svg"]);
  const second = await createDiskBlobStore({ root, prefixes });
  expect(await readdir(join(root, "plugin_packages/acme"))).toEqual(["a:1@1"]);
  expect((await readdir(join(root, "assets"))).sort()).toEqual([".keep", "icon.svg"]);
  expect(await Array.fromAsync(second.list("package"))).toEqual(["acme/a:1@1"]);
});

test("createDiskBlobStore() refuses prefixes that leave the root or lie within one another", async () => {
  const root = await folder();
  for (const bad of [
    { package: "../packages", asset: "assets" },
    { package: "/packages", asset: "assets" },
    { package: "", asset: "assets" },
    { package: "same", asset: "same" },
    { package: "blobs/packages", asset: "blobs" },
  ])
    expect(await rejection(createDiskBlobStore({ root, prefixes: bad }))).toMatchObject({ code: "startup" });
  await createDiskBlobStore({ root, prefixes: { package: "assets-and-more", asset: "assets" } });
});

test("put() where a folder stands in the way says what it could not write, and leaves nothing", async () => {
  const root = await folder();
  const store = await createDiskBlobStore({ root, prefixes });
  await mkdir(join(root, "assets/icon.svg"), { recursive: true });
  expect(await rejection(store.put("asset", "icon.svg", new Uint8Array([1])))).toMatchObject({
    code: "internal",
    message: expect.stringContaining(`Cannot write "${join(root, "assets/icon.svg")}"`),
  });
  expect(await readdir(join(root, "assets"))).toEqual(["icon.svg"]);
  expect(await store.has("asset", "icon.svg")).toBe(false);
});

test.skipIf(tinyDiskRefusal !== undefined)(
  `put() on a full disk names the file, keeps the old bytes and works again later${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    const store = await createDiskBlobStore({ root: disk.path, prefixes });
    await store.put("asset", "icon.svg", new Uint8Array([7]));
    expect(await rejection(store.put("asset", "icon.svg", new Uint8Array(2 << 20)))).toMatchObject({
      code: "internal",
      message: `Cannot write "${join(disk.path, "assets/icon.svg")}": no space is left on its disk`,
      hint: expect.stringContaining("Free some space"),
    });
    expect(await readdir(join(disk.path, "assets"))).toEqual(["icon.svg"]);
    expect((await store.get("asset", "icon.svg"))?.[0]).toBe(7);
    await store.put("asset", "icon.svg", new Uint8Array([8]));
    expect((await store.get("asset", "icon.svg"))?.[0]).toBe(8);
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `put() and delete() on a read-only disk say so${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    const store = await createDiskBlobStore({ root: disk.path, prefixes });
    await store.put("asset", "icon.svg", new Uint8Array([7]));
    await disk.makeReadOnly();
    const readOnly = {
      code: "internal",
      message: expect.stringContaining("its file system is read-only"),
    };
    expect(await rejection(store.put("asset", "other.svg", new Uint8Array([1])))).toMatchObject(readOnly);
    expect(await rejection(store.delete("asset", "icon.svg"))).toMatchObject(readOnly);
    expect((await store.get("asset", "icon.svg"))?.[0]).toBe(7);
  },
);

test("put() killed in the middle leaves the old bytes or the new ones, and opening sweeps the rest", async () => {
  const root = await folder();
  const size = 4 << 20;
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { createDiskBlobStore } from ${JSON.stringify(join(import.meta.dir, "../../src/blob/disk-blob-store.ts"))};
       const store = await createDiskBlobStore(${JSON.stringify({ root, prefixes })});
       for (let n = 0; ; n = (n + 1) % 256) {
         await store.put("asset", "blob", new Uint8Array(${size}).fill(n));
         process.stdout.write(".");
       }`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let writes = 0;
  for await (const chunk of child.stdout) {
    writes += chunk.length;
    if (writes >= 5) break;
  }
  child.kill("SIGKILL");
  await child.exited;
  const store = await createDiskBlobStore({ root, prefixes });
  const bytes = await store.get("asset", "blob");
  expect(bytes?.length).toBe(size);
  expect(bytes?.every((byte) => byte === bytes[0])).toBe(true);
  expect(await readdir(join(root, "assets"))).toEqual(["blob"]);
  expect((await stat(join(root, "assets/blob"))).size).toBe(size);
});
