import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { fakePackage } from "../support/daemon-api.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";

setDefaultTimeout(30_000);

const KIB = 1024;
const DISK_BYTES = 2048 * KIB;

/** Takes all space of a disk but `left` bytes; answers how to give it back. */
async function fill(path: string, { left }: { readonly left: number }): Promise<() => Promise<void>> {
  const ballast = join(path, "ballast");
  const writer = Bun.file(ballast).writer();
  try {
    for (;;) {
      await writer.write(new Uint8Array(64 * KIB));
      await writer.flush();
    }
  } catch {
    // ENOSPC: it is full.
    await Promise.resolve(writer.end()).catch(() => undefined);
  }
  const { size } = Bun.file(ballast);
  await Bun.write(ballast, new Uint8Array(Math.max(0, size - left)));
  return () => rm(ballast);
}

async function filesBelow(path: string): Promise<string[]> {
  const files: string[] = await readdir(path, { recursive: true }).catch(() => []);
  return files.sort();
}

describe.skipIf(tinyDiskRefusal !== undefined)(`a full disk${tinyDiskRefusal ?? ""}`, () => {
  test("below the working path fails the task, leaves nothing half-made, and the same task succeeds later", async () => {
    await using disk = await tinyDisk({ sizeBytes: DISK_BYTES });
    await using daemon = await startTestDaemon({ env: { PLUGIN_WORKING_PATH: join(disk.path, "cwd") } });
    const identifier = await daemon.api.uploaded({ name: "squeezed" });
    const free = await fill(disk.path, { left: 8 * KIB });

    const failed = await daemon.api.finished(await daemon.api.startInstall(identifier));
    expect(failed.plugins.map(({ status }) => status)).toEqual(["failed"]);
    expect(failed.plugins[0]?.message).toContain("no space left");
    expect(failed.plugins[0]?.message).toContain("\nThe disk is full: free space there, then try again");
    expect((await filesBelow(join(disk.path, "cwd"))).filter((path) => path.includes("main.ts"))).toEqual([]);
    expect(await daemon.api.installations()).toEqual([]);

    await free();
    const done = await daemon.api.finished(await daemon.api.startInstall(identifier));
    expect(done.plugins.map(({ message }) => message)).toEqual(["installed"]);
    expect((await daemon.api.call("tests/squeezed", { text: "hi" })).items).toHaveLength(1);
  });

  test("below the storage refuses an upload, leaves nothing of it, and takes it later", async () => {
    await using disk = await tinyDisk({ sizeBytes: DISK_BYTES });
    const storage = join(disk.path, "storage");
    await using daemon = await startTestDaemon({ env: { PLUGIN_STORAGE_LOCAL_ROOT: storage } });
    await daemon.api.uploaded({ name: "before" });
    const before = await filesBelow(storage);
    const free = await fill(disk.path, { left: 0 });

    const refused = await daemon.api.upload(await fakePackage({ name: "stored" }));
    expect([refused.status, refused.data]).toEqual([200, null]);
    expect(refused.failure?.message).toContain("no space is left on its disk");
    expect(await filesBelow(storage)).toEqual(before);

    await free();
    const { pluginId } = await daemon.api.install({ name: "stored" });
    expect((await daemon.api.call(pluginId, { text: "hi" })).items).toHaveLength(1);
  });

  test("below the data folder loses nothing that was there; calls go on, and installing works again later", async () => {
    await using disk = await tinyDisk({ sizeBytes: 2 * DISK_BYTES });
    const dataDir = join(disk.path, "data");
    let daemon: LocalDaemon = await startTestDaemon({ dataDir });
    try {
      await daemon.api.install({ name: "old" });
      const uploaded = await daemon.api.uploaded({ name: "uploaded" });
      const free = await fill(disk.path, { left: 0 });
      // Nothing of a call has to be written for it to go on.
      for (let n = 0; n < 5; n++)
        expect((await daemon.api.call("tests/old", { text: "hi" })).items).toHaveLength(1);
      const refused = await daemon.api.upload(await fakePackage({ name: "new" }));
      expect(refused.failure?.message).toContain("no space is left on its disk");
      await expect(daemon.api.startInstall(uploaded)).rejects.toThrow("no space is left on its disk");
      expect((await daemon.api.installations()).map((row) => row.plugin_id)).toEqual(["tests/old"]);

      await free();
      await daemon.api.install({ name: "new" });
      expect((await daemon.api.finished(await daemon.api.startInstall(uploaded))).status).toBe("success");
      await daemon[Symbol.asyncDispose]();
      daemon = await startTestDaemon({ dataDir });
      for (const pluginId of ["tests/old", "tests/new", "tests/uploaded"])
        expect((await daemon.api.call(pluginId, { text: "hi" })).items).toHaveLength(1);
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
  });
});
