import { Database as Sqlite } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFile, mkdir, mkdtemp, open, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIGRATIONS } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open-store.ts";
import { rejection } from "../support/rejection.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";
import { declarationOf, identifierOf, install, item, session, upload } from "../unit/store/test-store.ts";

const root = await mkdtemp(join(tmpdir(), "plugd-store-"));
afterAll(() => rm(root, { recursive: true, force: true }));

const settings = { synchronous: "full", sessionHistory: 100 } as const;

async function fileIn(name: string): Promise<string> {
  await mkdir(join(root, name));
  return join(root, name, "plugd.db");
}

/** A closed database with 50 installed plugins. */
async function filled(name: string): Promise<string> {
  const path = await fileIn(name);
  const store = openStore({ path, ...settings, synchronous: "normal" });
  for (let n = 0; n < 50; n++) await install(store, "t1", `acme/p${n}`);
  await store.close();
  return path;
}

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("openStore() keeps everything from one time to the next, in a file for this user alone", async () => {
  const path = await fileIn("again");
  const first = openStore({ path, ...settings });
  const row = await install(first, "t1", "acme/search");
  const task = await first.tasks.create({ tenantId: "t1", items: [item("acme/search")] });
  await first.sessions.save([session("1")]);
  expect((await stat(path)).mode & 0o077).toBe(0);
  expect((await stat(`${path}-wal`)).mode & 0o077).toBe(0);
  await first.close();
  await first.close();
  expect(await readdir(join(path, ".."))).toEqual(["plugd.db"]);
  const second = openStore({ path, ...settings });
  expect(await second.installations.find("t1", "acme/search")).toEqual(row);
  expect((await second.tasks.get("t1", task))?.items).toEqual([item("acme/search")]);
  expect(await second.sessions.list({}, { offset: 0, limit: 10 })).toEqual([session("1")]);
  await second.close();
});

test("openStore() of two files in one process keeps them apart", async () => {
  const [one, two] = [await fileIn("one"), await fileIn("two")].map((path) =>
    openStore({ path, ...settings }),
  );
  if (!one || !two) throw new Error("two stores were opened");
  await install(one, "t1", "acme/search");
  expect(await two.installations.find("t1", "acme/search")).toBeUndefined();
  await one.close();
  await install(two, "t1", "acme/search");
  await two.close();
});

test("a store that is closed says so", async () => {
  const store = openStore({ path: await fileIn("closed"), ...settings });
  await store.close();
  expect(await rejection(store.installations.find("t1", "acme/search"))).toMatchObject({
    code: "internal",
    message: expect.stringContaining("it is closed"),
  });
});

test("openStore() refuses a schema that is newer than this program, and leaves the file as it is", async () => {
  const path = await filled("newer");
  const newer = new Sqlite(path);
  newer.run(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  newer.close();
  expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
    code: "startup",
    message: `Cannot open "${path}": its schema has version ${MIGRATIONS.length + 1}, this plugd knows versions up to ${MIGRATIONS.length}`,
    hint: expect.stringContaining("newer plugd"),
  });
  const still = new Sqlite(path, { readonly: true });
  expect(still.query("PRAGMA user_version").values()).toEqual([[MIGRATIONS.length + 1]]);
  still.close();
});

test("openStore() refuses a file that is no database", async () => {
  const path = await fileIn("garbage");
  await writeFile(path, "this is no database ".repeat(100));
  expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
    code: "startup",
    message: expect.stringMatching(/^Cannot open ".*plugd\.db": it is damaged or no database/),
    hint: expect.stringContaining("backup"),
  });
  expect(await readFile(path, "utf8")).toStartWith("this is no database");
});

test("openStore() refuses a database whose schema is torn", async () => {
  const path = await filled("torn");
  const file = await open(path, "r+");
  // The header stays; the rest of the first page, the schema, becomes noise.
  await file.write(new Uint8Array(3900).fill(0xa5), 0, 3900, 100);
  await file.close();
  expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
    code: "startup",
    message: expect.stringContaining("it is damaged or no database"),
  });
});

test("openStore() looks at the whole file after a process that died, and refuses a page that is torn", async () => {
  const path = await filled("page");
  const store = openStore({ path, ...settings });
  await install(store, "t1", "acme/late");
  // As a dead process leaves it: the log is still there.
  const copy = await fileIn("page-copy");
  await copyFile(path, copy);
  await copyFile(`${path}-wal`, `${copy}-wal`);
  await store.close();
  const file = await open(copy, "r+");
  const { size } = await file.stat();
  await file.write(new Uint8Array(8192).fill(0xa5), 0, 8192, Math.floor(size / 8192) * 4096);
  await file.close();
  expect(thrown(() => openStore({ path: copy, ...settings }))).toMatchObject({
    code: "startup",
    message: expect.stringContaining("it is damaged or no database"),
  });
});

test("openStore() refuses a path that is a folder, and one in a folder that is not there", async () => {
  for (const path of [root, join(root, "nowhere/plugd.db")])
    expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
      code: "startup",
      message: `Cannot open "${path}": it cannot be opened`,
      hint: expect.stringContaining("folder"),
    });
});

test("a write that another process holds up says so instead of waiting for long", async () => {
  const path = await filled("busy");
  const store = openStore({ path, ...settings });
  const other = new Sqlite(path);
  other.run("BEGIN IMMEDIATE");
  expect(await rejection(store.tasks.deleteAll("t1"))).toMatchObject({
    code: "internal",
    message: `Cannot write "${path}": another process is writing to it`,
  });
  other.run("ROLLBACK");
  await store.tasks.deleteAll("t1");
  other.close();
  await store.close();
});

test("migrations are embedded in the order of their numbers, without a gap", async () => {
  const folder = join(import.meta.dir, "../../src/store/migrations");
  const names = (await readdir(folder)).sort();
  expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, index) => index + 1));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  expect(texts).toEqual([...MIGRATIONS]);
});

test.skipIf(tinyDiskRefusal !== undefined)(
  `openStore() refuses a read-only file system${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 2 << 20 });
    const path = join(disk.path, "plugd.db");
    await openStore({ path, ...settings }).close();
    await disk.makeReadOnly();
    expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
      code: "startup",
      message: `Cannot open "${path}": it may not be written`,
      hint: expect.stringContaining(disk.path),
    });
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `openStore() on a full disk says so${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 16 });
    const path = join(disk.path, "plugd.db");
    await rejection(writeFile(join(disk.path, "ballast"), new Uint8Array(1 << 17)));
    expect(thrown(() => openStore({ path, ...settings }))).toMatchObject({
      code: "startup",
      message: `Cannot open "${path}": no space is left on its disk`,
      hint: expect.stringContaining("Free some space"),
    });
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `writes to a full disk are refused whole, and work again when there is space${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 2 << 20 });
    const path = join(disk.path, "plugd.db");
    const store = openStore({ path, ...settings });
    const row = await install(store, "t1", "acme/first");
    await writeFile(join(disk.path, "ballast"), new Uint8Array(1 << 20));
    const large = (name: string) =>
      upload(name, {
        declaration: declarationOf(name, { filler: "x".repeat(200_000) }),
        assetIds: [`${name}-1.svg`, `${name}-2.svg`],
      });
    let saved = 0;
    let error: unknown;
    for (; error === undefined && saved < 50; saved++)
      error = await store.declarations.save(large(`acme/p${saved}`)).then(
        () => undefined,
        (failure: unknown) => failure,
      );
    saved--;
    expect(error).toMatchObject({
      code: "internal",
      message: `Cannot write "${path}": no space is left on its disk`,
      hint: expect.stringContaining("nothing was half-written"),
    });
    // Reading goes on, and of the write that failed there is nothing.
    expect(await store.installations.find("t1", "acme/first")).toEqual(row);
    expect(await store.declarations.get(identifierOf(`acme/p${saved}`))).toBeUndefined();
    expect(await store.declarations.orphans("asset", [`acme/p${saved}-1.svg`])).toHaveLength(1);
    await rm(join(disk.path, "ballast"));
    await store.declarations.save(large(`acme/p${saved}`));
    expect((await store.declarations.get(identifierOf(`acme/p${saved}`)))?.assetIds).toHaveLength(2);
    await store.close();
    const file = new Sqlite(path, { readonly: true });
    expect(file.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
    file.close();
  },
);

test("a process killed in the middle of writes leaves only whole transactions, and none that it acknowledged is lost", async () => {
  const path = await fileIn("killed");
  const from = (file: string) => JSON.stringify(join(import.meta.dir, file));
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openStore } from ${from("../../src/store/open-store.ts")};
       import { install, item, identifierOf } from ${from("../unit/store/test-store.ts")};
       const store = openStore(${JSON.stringify({ path, ...settings })});
       for (let n = 0; ; n++) {
         const items = [1, 2, 3].map((i) => item("acme/p" + n + "-" + i));
         const task = await store.tasks.create({ tenantId: "t1", items });
         await store.tasks.updateItem(task, items[0].identifier, { status: "success" });
         await install(store, "t1", "acme/p" + n);
         process.stdout.write(n + "\\n");
       }`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  for await (const chunk of child.stdout) {
    output += new TextDecoder().decode(chunk);
    if (output.split("\n").length > 40) break;
  }
  child.kill("SIGKILL");
  await child.exited;
  const acknowledged = output.split("\n").slice(0, -1).length;
  const store = openStore({ path, ...settings });
  const tasks = await store.tasks.list("t1", { offset: 0, limit: 100_000 });
  const { rows } = await store.installations.list("t1", { offset: 0, limit: 100_000 });
  expect(rows.length).toBeGreaterThanOrEqual(acknowledged);
  expect(tasks.length).toBeGreaterThanOrEqual(rows.length);
  expect(tasks.every((task) => task.items.length === 3 && task.status === "running")).toBe(true);
  expect(await store.tasks.failUnfinished("gone")).toBe(tasks.length);
  const after = await store.tasks.list("t1", { offset: 0, limit: 1 });
  expect(after[0]?.status).toBe("failed");
  await store.close();
  const file = new Sqlite(path, { readonly: true });
  expect(file.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  file.close();
});
