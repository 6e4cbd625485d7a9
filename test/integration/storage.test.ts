import { expect, test } from "bun:test";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { until } from "../support/processes.ts";
import { caller, CALLERS_FOLDER, filesBelow, openStorage, sum, temporaryFolder } from "./storage-support.ts";

const LOAD_FAILED = "load data failed, please check if the key is correct or you have not set it";
const TRAVERSAL = "invalid key: path traversal attempt detected";
const FULL = "save data failed: allocated size is greater than max storage size";

test("handle() answers the reference's objects", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  expect(await storage.set("x", new Uint8Array([0, 255]))).toEqual({ data: "ok" });
  expect(await storage.get("x")).toBe(Buffer.from([0, 255]).toString());
  expect(await storage.exist("x")).toBe(true);
  expect(await storage.del("x")).toEqual({ data: "ok", deleted_num: 1 });
  expect(await storage.exist("x")).toBe(false);
});

test("handle() refuses with the reference's words", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  expect(await storage.refusal("get", "missing")).toBe(LOAD_FAILED);
  expect(await storage.refusal("get", "../up")).toBe(LOAD_FAILED);
  expect(await storage.refusal("del", "missing")).toBe(
    'delete data failed: there is no value under "missing"',
  );
  expect(await storage.refusal("set", "y", "zz")).toBe(
    "decode data failed: encoding/hex: invalid byte: U+007A 'z'",
  );
  expect(await storage.refusal("set", "../up", "00")).toBe(`save data failed: ${TRAVERSAL}`);
  expect(await storage.refusal("del", "a..b")).toBe(`delete data failed: ${TRAVERSAL}`);
  expect(await storage.refusal("exist", "a\\b")).toBe(`exist data failed: ${TRAVERSAL}`);
  expect(await storage.refusal("set", "k".repeat(257), "00")).toBe(
    "save data failed: key length must be less than 256 characters",
  );
  expect(await filesBelow(join(folder.path, "persistence"))).toEqual({});
});

test("two spellings of one path are one key, of 256 bytes in any script", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  for (const [written, read] of [
    ["a//b", "a/b"],
    ["a/../c", "c"],
    ["/abs", "abs"],
    ["end/", "end"],
    ["a/..", "."],
    ["k".repeat(256), "k".repeat(256)],
    ["ä".repeat(128), "ä".repeat(128)],
    ["日本/😀 \n", "日本/😀 \n"],
    ["nul\0", "nul\0"],
    [".plugd-keys/61.value", ".plugd-keys/61.value"],
  ] as const) {
    await storage.set(written, written);
    expect(await storage.get(read)).toBe(written);
  }
  await storage.close();
  await using again = await openStorage({ folder: folder.path });
  expect(await again.get("k".repeat(256))).toBe("k".repeat(256));
  expect(await again.get("日本/😀 \n")).toBe("日本/😀 \n");
  expect(await again.get(".")).toBe("a/..");
});

test("a key that is the folder of another is a key like any other, in every order", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  await storage.set("a", "1");
  await storage.settled();
  await storage.set("a/b", "22");
  await storage.settled();
  await storage.set("c/d", "333");
  await storage.settled();
  await storage.set("c", "4444");
  await storage.settled();
  for (const [key, value] of [
    ["a", "1"],
    ["a/b", "22"],
    ["c/d", "333"],
    ["c", "4444"],
  ] as const)
    expect(await storage.get(key)).toBe(value);
  await storage.notes(10);
  await storage.del("a");
  await storage.settled();
  expect(await storage.get("a/b")).toBe("22");
  await storage.set("a/b", "new");
  await storage.set("c", "more");
  await storage.settled();
  expect(await storage.get("a/b")).toBe("new");
  for (const key of ["a/b", "c/d", "c"]) await storage.del(key);
  await storage.settled();
  expect(await filesBelow(join(folder.path, "persistence"))).toEqual({});
  await storage.notes(0);
});

test("values lie where the reference keeps them, raw, and nothing else lies there", async () => {
  await using folder = await temporaryFolder();
  const storage = await openStorage({ folder: folder.path });
  await storage.set("notes/today.txt", "hello");
  await storage.set("empty", "");
  await storage.close();
  expect(await filesBelow(join(folder.path, "persistence"))).toEqual({
    [join(caller.tenantId, caller.pluginId, "empty")]: 0,
    [join(caller.tenantId, caller.pluginId, "notes/today.txt")]: 5,
  });
  expect(await readFile(join(folder.path, CALLERS_FOLDER, "notes/today.txt"), "utf8")).toBe("hello");
});

test("values reach their files a moment later, while the daemon runs", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  await storage.set("k", "1");
  await storage.set("k", "22");
  await storage.settled();
  expect(await readFile(join(folder.path, CALLERS_FOLDER, "k"), "utf8")).toBe("22");
  await storage.del("k");
  await storage.settled();
  expect(await filesBelow(join(folder.path, "persistence"))).toEqual({});
});

test("a folder of the reference that is moved here is read, counted and limited", async () => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, CALLERS_FOLDER);
  for (const [name, bytes] of [
    ["old", 3000],
    ["deep/er/one", 1000],
    ["Größe 日本", 5],
  ] as const) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), "x".repeat(bytes));
  }
  const limited = { ...caller, limitBytes: 4096 };
  await using storage = await openStorage({ folder: folder.path });
  const plugin = storage.as(limited);
  expect(await plugin.get("old")).toBe("x".repeat(3000));
  expect(await plugin.exist("deep/er/one")).toBe(true);
  expect(await plugin.get("Größe 日本")).toBe("xxxxx");
  expect(await plugin.refusal("set", "new", "00".repeat(92))).toBe(FULL);
  await plugin.set("new", "x".repeat(91));
  await storage.notes(4096);
  await plugin.del("old");
  await storage.notes(1096);
});

test("files that came or went by hand while the daemon was away are counted", async () => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, CALLERS_FOLDER);
  const first = await openStorage({ folder: folder.path });
  await first.set("a", "x".repeat(100));
  await first.set("b", "x".repeat(10));
  await first.close();
  await rm(join(place, "a"));
  await writeFile(join(place, "c"), "x".repeat(7));
  await using second = await openStorage({ folder: folder.path });
  expect(await second.exist("a")).toBe(false);
  await second.set("d", "x");
  await second.notes(18);
  expect(second.lines.join("")).toContain("counted anew");
});

test("tenants and plugins do not see each other, whatever they are called", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  const callers = [
    caller,
    { ...caller, tenantId: "../other" },
    { ...caller, tenantId: "OTHER" },
    { ...caller, tenantId: "other" },
    { ...caller, pluginId: "acme/notes-2" },
    { ...caller, pluginId: "acme" },
  ];
  for (const [at, who] of callers.entries()) await storage.as(who).set("notes/k", `value ${at}`);
  for (const [at, who] of callers.entries()) expect(await storage.as(who).get("notes/k")).toBe(`value ${at}`);
  await storage.close();
  const others = Object.keys(await filesBelow(folder.path)).filter(
    (name) => !name.startsWith("persistence/"),
  );
  expect(others.toSorted()).toEqual(["plugd.db", "storage-reserve"]);
});

test("values larger than the database takes on the way are stored whole, overwritten and deleted", async () => {
  await using folder = await temporaryFolder();
  const large = (letter: string) => letter.repeat(3 << 20);
  const storage = await openStorage({ folder: folder.path });
  await storage.set("big", large("a"));
  expect(await storage.get("big")).toBe(large("a"));
  await storage.set("big", large("b"));
  await storage.set("big", large("c"));
  expect(await storage.get("big")).toBe(large("c"));
  await storage.set("gone", large("d"));
  await storage.del("gone");
  expect(await storage.exist("gone")).toBe(false);
  await storage.notes(3 << 20);
  await storage.close();
  expect(Object.values(await filesBelow(join(folder.path, "persistence")))).toEqual([3 << 20]);
});

test("50 sessions at once fill a plugin's storage to the last byte, and not one more", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  const plugin = storage.as({ ...caller, limitBytes: 10_000 });
  const sizes = new Map<string, number>();
  let refused = 0;
  await Promise.all(
    Array.from({ length: 50 }, async (_, session) => {
      for (let n = 0; n < 20; n++) {
        const key = n % 3 === 0 ? "shared" : `own-${session}-${n % 4}`;
        const size = 1 + ((session * 37 + n * 101) % 400);
        try {
          if (n % 7 === 6 && sizes.has(key)) await plugin.del(key);
          else await plugin.set(key, "x".repeat(size));
        } catch {
          refused++;
        }
        sizes.set(key, size);
      }
    }),
  );
  expect(refused).toBeGreaterThan(0);
  await storage.settled();
  const kept = sum(Object.values(await filesBelow(join(folder.path, CALLERS_FOLDER))));
  expect(kept).toBeLessThanOrEqual(10_000);
  if (kept < 10_000) await plugin.set("last", "x".repeat(10_000 - kept));
  await storage.notes(10_000);
  expect(await plugin.refusal("set", "one more", "00")).toBe(FULL);
  await plugin.set("nothing", "");
  await storage.close();
  expect(sum(Object.values(await filesBelow(join(folder.path, "persistence"))))).toBe(10_000);
});

test("a set that makes a value smaller is let in also when too much is kept already", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path, maxBytes: 1000 });
  await storage.set("a", "x".repeat(900));
  const smaller = storage.as({ ...caller, limitBytes: 500 });
  expect(await smaller.refusal("set", "a", "00".repeat(901))).toBe(FULL);
  await smaller.set("a", "x".repeat(600));
  expect(await smaller.refusal("set", "b", "00")).toBe(FULL);
  await storage.notes(600);
  expect(await storage.as({ ...caller, limitBytes: 5000 }).refusal("set", "b", "00".repeat(401))).toBe(FULL);
});

test("a refused value changes nothing", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path, maxBytes: 10 });
  await storage.set("k", "12345");
  expect(await storage.refusal("set", "k", "00".repeat(11))).toBe(FULL);
  expect(await storage.get("k")).toBe("12345");
  expect(await storage.refusal("set", "large", "00".repeat(100_000))).toBe(FULL);
  expect(await storage.exist("large")).toBe(false);
  await storage.notes(5);
});

test("a value whose place cannot be written leaves nothing else behind, and is kept", async () => {
  await using folder = await temporaryFolder();
  const tenant = join(folder.path, "persistence", caller.tenantId);
  await using storage = await openStorage({ folder: folder.path });
  await writeFile(tenant, "no folder");
  await storage.set("k", "v");
  await until("it shows", () =>
    storage.lines.some((line) => line.includes("Cannot write what a plugin has stored")),
  );
  expect(await readdir(join(folder.path, "persistence", ".plugd-staged"))).toEqual([]);
  expect(await storage.get("k")).toBe("v");
});

test("operations are counted and timed, by kind and outcome", async () => {
  await using folder = await temporaryFolder();
  await using storage = await openStorage({ folder: folder.path });
  await storage.set("k", "v");
  await storage.refusal("get", "missing");
  const text = await storage.metrics.registry.metrics();
  expect(text).toContain('storage_operations_total{operation="set",storage_type="local",status="success"} 1');
  expect(text).toContain('storage_operations_total{operation="get",storage_type="local",status="failed"} 1');
  expect(text).toContain('storage_operation_duration_seconds_count{operation="set",storage_type="local"} 1');
});

test("with durability power everything works the same", async () => {
  await using folder = await temporaryFolder();
  const storage = await openStorage({ folder: folder.path, durability: "power" });
  await storage.set("a/b/c", "1");
  await storage.set("k".repeat(256), "2");
  await storage.set("big", "x".repeat(100_000));
  await storage.del("a/b/c");
  await storage.close();
  expect(Object.values(await filesBelow(join(folder.path, "persistence"))).toSorted((a, b) => a - b)).toEqual(
    [1, 100_000],
  );
  await using again = await openStorage({ folder: folder.path, durability: "power" });
  expect(await again.get("k".repeat(256))).toBe("2");
});
