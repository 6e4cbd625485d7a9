import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "../support/processes.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";
import { filesBelow, openStorage, sum, temporaryFolder } from "./storage-support.ts";

setDefaultTimeout(30_000);

test.skipIf(tinyDiskRefusal !== undefined)(
  `on a full disk nothing acknowledged is lost, what does not fit is refused, and later all works${tinyDiskRefusal ?? ""}`,
  async () => {
    await using database = await temporaryFolder();
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    const storage = await openStorage({ folder: disk.path, databaseFolder: database.path });
    await storage.set("before", "b".repeat(1000));
    await storage.settled();
    const ballast = join(disk.path, "ballast");
    await writeFile(ballast, new Uint8Array((1 << 20) - 16 * 1024)).catch(() => undefined);

    expect(await storage.refusal("set", "large", "00".repeat(500_000))).toContain(
      "no space is left on its disk",
    );
    expect(await storage.exist("large")).toBe(false);
    // Small ones are taken until it shows that their files cannot be written.
    const taken: string[] = [];
    let refusal = "";
    await until("a set is refused", async () => {
      const key = `k${taken.length}`;
      try {
        await storage.set(key, "s".repeat(30_000));
        taken.push(key);
        return false;
      } catch (error) {
        refusal = String(error);
        return true;
      }
    });
    expect(refusal).toContain("save data failed");
    expect(refusal).toContain("no space is left on its disk");
    for (const key of taken) expect(await storage.get(key)).toBe("s".repeat(30_000));
    expect(await storage.get("before")).toBe("b".repeat(1000));
    await storage.notes(1000 + taken.length * 30_000);
    expect(
      storage.lines.filter((line) => line.includes("Cannot write what a plugin has stored")),
    ).toHaveLength(1);

    expect(await storage.refusal("set", "more", "00")).toContain("save data failed");
    expect(storage.lines.filter((line) => line.includes("Cannot serve a plugin's storage"))).toHaveLength(1);

    await storage.close();
    await rm(ballast);
    await using later = await openStorage({ folder: disk.path, databaseFolder: database.path });
    await later.set("after", "a");
    await later.settled();
    for (const key of taken) expect(await later.get(key)).toBe("s".repeat(30_000));
    expect(sum(Object.values(await filesBelow(join(disk.path, "persistence"))))).toBe(
      1001 + taken.length * 30_000,
    );
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `on a disk that is full to the last byte, the journal's too, a plugin can delete, and store again${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    await using storage = await openStorage({ folder: disk.path });
    const old = Array.from({ length: 10 }, (_, n) => `old${n}`);
    for (const key of old) await storage.set(key, "o".repeat(20_000));
    await storage.settled();
    // The rest of the disk, in pieces that get smaller.
    for (let bytes = 1 << 20; bytes >= 512; bytes /= 2)
      await appendFile(join(disk.path, "ballast"), new Uint8Array(bytes)).catch(() => undefined);
    expect(await storage.refusal("set", "new", "00".repeat(30_000))).toContain("no space is left");
    for (const key of old) expect(await storage.del(key)).toEqual({ data: "ok", deleted_num: 1 });
    await storage.settled();
    await storage.set("new", "n".repeat(100_000));
    await storage.settled();
    expect(await storage.get("new")).toBe("n".repeat(100_000));
    await storage.notes(100_000);
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `on a disk that is read-only values can be read, and a set says why it cannot be stored${tinyDiskRefusal ?? ""}`,
  async () => {
    await using database = await temporaryFolder();
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    await using storage = await openStorage({ folder: disk.path, databaseFolder: database.path });
    await storage.set("k", "v");
    await storage.settled();
    await disk.makeReadOnly();
    expect(await storage.get("k")).toBe("v");
    expect(await storage.refusal("set", "big", "00".repeat(70_000))).toContain(
      "its file system is read-only",
    );
    await storage.set("k", "kept in the journal");
    await until("it shows", () =>
      storage.lines.some((line) => line.includes("Cannot write what a plugin has stored")),
    );
    expect(await storage.refusal("set", "k", "00")).toContain("its file system is read-only");
    expect(await storage.get("k")).toBe("kept in the journal");
  },
);
