import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedStart, spawnTestDaemon, startTestDaemon } from "../support/daemon.ts";
import { rejection } from "../support/rejection.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";

setDefaultTimeout(30_000);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "plugd-start-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("start ends with 1 and one sentence that says what to do, where", () => {
  test("the port is taken", async () => {
    await withFolder(async (folder) => {
      await using other = await startTestDaemon();
      const { code, output } = await failedStart({
        dataDir: join(folder, "data"),
        env: { SERVER_PORT: String(other.port) },
      });
      expect(code).toBe(1);
      expect(output).toContain(
        `Error: Cannot listen on "127.0.0.1:${other.port}": the port is taken\nHint: Stop `,
      );
      expect(output).not.toContain("    at ");
      // The one that was there is untouched, and the folder is free.
      expect((await other.api.health()).busy).toBe(0);
      await using _later = await startTestDaemon({ dataDir: join(folder, "data") });
    });
  });

  test("another daemon holds the data folder", async () => {
    await using first = await spawnTestDaemon();
    const { code, output } = await failedStart({ dataDir: first.dataDir });
    expect(code).toBe(1);
    expect(output).toContain(
      `Error: Cannot use data folder "${first.dataDir}": the plugd with process id ${first.pid} uses it already\n` +
        `Hint: Stop that one first (kill ${first.pid}), or set PLUGD_DATA_DIR to another folder\n`,
    );
    const installed = await first.api.install({ name: "kept" });
    expect((await first.api.call(installed.pluginId, { text: "hi" })).items).toHaveLength(1);
  });

  test("the data folder is a file", async () => {
    await withFolder(async (folder) => {
      const dataDir = join(folder, "file");
      await Bun.write(dataDir, "");
      const { code, output } = await failedStart({ dataDir });
      expect(code).toBe(1);
      expect(output).toContain(`Cannot use data folder "${dataDir}": it, or a part of its path, is a file`);
    });
  });

  test.skipIf(tinyDiskRefusal !== undefined)(
    `the data folder is on a read-only file system${tinyDiskRefusal ?? ""}`,
    async () => {
      await using disk = await tinyDisk({ sizeBytes: 4 * 1024 * 1024 });
      await disk.makeReadOnly();
      const { code, output } = await failedStart({ dataDir: join(disk.path, "data") });
      expect(code).toBe(1);
      expect(output).toMatch(
        /Error: Cannot use data folder ".*": its file system is read-only\nHint: Mount it/,
      );
    },
  );

  test.skipIf(tinyDiskRefusal !== undefined)(`the disk is full${tinyDiskRefusal ?? ""}`, async () => {
    await using disk = await tinyDisk({ sizeBytes: 64 * 1024 });
    await Bun.write(join(disk.path, "ballast"), new Uint8Array(60 * 1024));
    const { code, output } = await failedStart({ dataDir: join(disk.path, "data") });
    expect(code).toBe(1);
    expect(output).toContain("no space is left on its disk");
  });

  test("settings are wrong: all of them at once", async () => {
    await withFolder(async (folder) => {
      const { code, output } = await failedStart({
        dataDir: folder,
        env: { SERVER_PORT: "many", PLUGD_START_WAIT: "soon" },
      });
      expect(code).toBe(1);
      expect(output).toContain("SERVER_PORT");
      expect(output).toContain("PLUGD_START_WAIT");
    });
  });

  test("a public key cannot be read", async () => {
    await withFolder(async (folder) => {
      const { code, output } = await failedStart({
        dataDir: folder,
        env: {
          THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: "true",
          THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: join(folder, "missing.pem"),
        },
      });
      expect(code).toBe(1);
      expect(output).toContain("missing.pem");
    });
  });
});

test("startDaemon() that fails leaves nothing open: the next one in this process starts on the same folder", async () => {
  await withFolder(async (folder) => {
    await using other = await startTestDaemon();
    const dataDir = join(folder, "data");
    const error = await rejection(startTestDaemon({ dataDir, env: { SERVER_PORT: String(other.port) } }));
    expect(error).toMatchObject({ name: "DaemonError", code: "startup" });
    await using next = await startTestDaemon({ dataDir });
    expect(await rejection(startTestDaemon({ dataDir }))).toMatchObject({
      message: `Cannot use data folder "${dataDir}": this process uses it already`,
    });
    expect((await next.api.health()).busy).toBe(0);
  });
});
