import { expect, test } from "bun:test";
import { appendFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openChangeJournal } from "../../src/blob/change-journal.ts";
import type { ValueChange } from "../../src/blob/value-store.ts";
import { rejection } from "../support/rejection.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";
import { temporaryFolder } from "./storage-support.ts";

function set(key: string, value: string): ValueChange {
  const content = { kind: "bytes" as const, value: new TextEncoder().encode(value) };
  return { tenantId: "t1", pluginId: "acme/notes", key, content };
}

/** Opens it as a new process would. */
async function reopened(folder: string) {
  const journal = await openChangeJournal({ folder, durability: "process" });
  return {
    journal,
    left: journal.left.map(({ change: { key, content } }) =>
      content.kind === "bytes" ? `${key}=${Buffer.from(content.value).toString()}` : `${key} ${content.kind}`,
    ),
  };
}

test.each(["process", "power"] as const)(
  "append() keeps changes for the next process, in order, with durability %s",
  async (durability) => {
    await using folder = await temporaryFolder();
    const journal = await openChangeJournal({ folder: folder.path, durability });
    expect(journal.left).toEqual([]);
    await Promise.all(["a", "b", "c"].map((key) => journal.append(set(key, "1"))));
    journal.rotate();
    await journal.append(set("a", "2"));
    await journal.append({ ...set("b", ""), content: { kind: "deleted" } });
    await journal.close();
    expect((await reopened(folder.path)).left).toEqual(["a=1", "b=1", "c=1", "a=2", "b deleted"]);
  },
);

test("a file goes when all in it was released, and never before an older one", async () => {
  await using folder = await temporaryFolder();
  const journal = await openChangeJournal({ folder: folder.path, durability: "process" });
  const old = await journal.append(set("a", "old"));
  const other = await journal.append(set("b", "1"));
  journal.rotate();
  const young = await journal.append(set("a", "young"));
  journal.rotate();
  old.release();
  young.release();
  // "old" must not come back alone.
  expect((await readdir(folder.path)).toSorted()).toEqual(["journal-1", "journal-2"]);
  other.release();
  expect(await readdir(folder.path)).toEqual([]);
  await journal.append(set("c", "1"));
  await journal.close();
  expect((await reopened(folder.path)).left).toEqual(["c=1"]);
});

test("what an earlier process left stays until it is released, too", async () => {
  await using folder = await temporaryFolder();
  const first = await openChangeJournal({ folder: folder.path, durability: "process" });
  await first.append(set("a", "1"));
  await first.close();
  const { journal } = await reopened(folder.path);
  await journal.append(set("a", "2"));
  await journal.close();
  const second = await reopened(folder.path);
  expect(second.left).toEqual(["a=1", "a=2"]);
  for (const { entry } of second.journal.left) entry.release();
  await second.journal.close();
  expect(await readdir(folder.path)).toEqual([]);
});

test("a record that was cut short, and files that are none of ours, are left out", async () => {
  await using folder = await temporaryFolder();
  const journal = await openChangeJournal({ folder: folder.path, durability: "process" });
  await journal.append(set("a", "1"));
  await journal.close();
  await appendFile(join(folder.path, "journal-1"), new Uint8Array([9, 0, 0, 0, 9, 0, 0]));
  await writeFile(join(folder.path, "README"), "hello");
  expect((await reopened(folder.path)).left).toEqual(["a=1"]);
});

test("append() after close() says that nothing can be stored any more", async () => {
  await using folder = await temporaryFolder();
  const journal = await openChangeJournal({ folder: folder.path, durability: "process" });
  await journal.close();
  await journal.close();
  expect(await rejection(journal.append(set("a", "1")))).toMatchObject({ code: "unavailable" });
});

test.skipIf(tinyDiskRefusal !== undefined)(
  `append() on a full disk is refused, and what comes later can be read${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    const journal = await openChangeJournal({ folder: disk.path, durability: "process" });
    await journal.append(set("a", "1"));
    expect(await rejection(journal.append(set("big", "x".repeat(2 << 20))))).toMatchObject({
      code: "internal",
      message: `Cannot write "${join(disk.path, "journal-1")}": no space is left on its disk`,
    });
    await journal.append(set("b", "2"));
    await journal.close();
    expect((await reopened(disk.path)).left).toEqual(["a=1", "b=2"]);
  },
);
