import { expect, test } from "bun:test";
import type { BlobKind, BlobStore } from "../../../src/blob/blob-store.ts";
import { rejection } from "../../support/rejection.ts";

const PACKAGE = `acme/search:0.1.0@${"a".repeat(64)}`;
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What every `BlobStore` keeps to. `open` makes an empty one. */
export function testBlobStoreContract(name: string, open: () => Promise<BlobStore>): void {
  const text = async (store: BlobStore, kind: BlobKind, key: string) => {
    const bytes = await store.get(kind, key);
    return bytes && new TextDecoder().decode(bytes);
  };

  test(`${name}: put() and get() keep the bytes of keys with "/", ":" and "@"`, async () => {
    const store = await open();
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    await store.put("package", PACKAGE, bytes);
    const stored = await store.get("package", PACKAGE);
    expect(stored && Buffer.compare(stored, bytes)).toBe(0);
    expect(await store.has("package", PACKAGE)).toBe(true);
  });

  test(`${name}: put() replaces, and takes no bytes at all`, async () => {
    const store = await open();
    await store.put("asset", "1.svg", bytesOf("old"));
    await store.put("asset", "1.svg", bytesOf("new"));
    expect(await text(store, "asset", "1.svg")).toBe("new");
    await store.put("asset", "1.svg", new Uint8Array());
    expect(await text(store, "asset", "1.svg")).toBe("");
  });

  test(`${name}: kinds do not see each other's keys`, async () => {
    const store = await open();
    await store.put("asset", "same", bytesOf("asset"));
    expect(await store.get("package", "same")).toBeUndefined();
    await store.put("package", "same", bytesOf("package"));
    await store.delete("package", "same");
    expect(await text(store, "asset", "same")).toBe("asset");
  });

  test(`${name}: get() and has() of what is not there, or is only a part of a key`, async () => {
    const store = await open();
    await store.put("package", PACKAGE, bytesOf("x"));
    for (const key of ["acme", "acme/other", `${PACKAGE}/more`, "none"]) {
      expect(await store.get("package", key)).toBeUndefined();
      expect(await store.has("package", key)).toBe(false);
    }
  });

  test(`${name}: delete() removes one blob, and succeeds when there is none`, async () => {
    const store = await open();
    await store.put("package", "acme/a:1@1", bytesOf("a"));
    await store.put("package", "acme/b:1@1", bytesOf("b"));
    await store.delete("package", "acme/a:1@1");
    await store.delete("package", "acme/a:1@1");
    await store.delete("package", "nobody/none:1@1");
    expect(await store.has("package", "acme/a:1@1")).toBe(false);
    expect(await text(store, "package", "acme/b:1@1")).toBe("b");
  });

  test(`${name}: list() names every key of a kind`, async () => {
    const store = await open();
    expect(await Array.fromAsync(store.list("package"))).toEqual([]);
    const keys = [PACKAGE, "acme/other:1@1", "no-author:1@1"];
    for (const key of keys) await store.put("package", key, bytesOf(key));
    await store.put("asset", "1.svg", bytesOf("x"));
    expect((await Array.fromAsync(store.list("package"))).sort()).toEqual(keys.sort());
  });

  test(`${name}: puts and deletes in one folder at once do not disturb each other`, async () => {
    const store = await open();
    for (let round = 0; round < 20; round++) {
      const kept = Array.from({ length: 4 }, (_, n) => `acme/${round}/kept-${n}:1@1`);
      await store.put("package", `acme/${round}/gone:1@1`, bytesOf("x"));
      await Promise.all([
        store.delete("package", `acme/${round}/gone:1@1`),
        ...kept.map((key) => store.put("package", key, bytesOf(key))),
      ]);
      for (const key of kept) expect(await text(store, "package", key)).toBe(key);
    }
  });

  for (const key of [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../up",
    "a/../../up",
    "a//b",
    "a/",
    "./a",
    "a\\..\\b",
    "a\0b",
  ])
    test(`${name}: refuses the key ${JSON.stringify(key)}`, async () => {
      const store = await open();
      const refused = { code: "bad_request" };
      expect(await rejection(store.put("asset", key, bytesOf("x")))).toMatchObject(refused);
      expect(await rejection(store.get("asset", key))).toMatchObject(refused);
      expect(await rejection(store.has("asset", key))).toMatchObject(refused);
      expect(await rejection(store.delete("asset", key))).toMatchObject(refused);
    });
}
