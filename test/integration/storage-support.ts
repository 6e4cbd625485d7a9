import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChangeJournal } from "../../src/blob/change-journal.ts";
import { createDiskValueStore } from "../../src/blob/disk-value-store.ts";
import { openSpaceReserve } from "../../src/blob/space-reserve.ts";
import { createLogger } from "../../src/lib/create-logger.ts";
import { createMetrics } from "../../src/service/metrics.ts";
import { createPluginStorage, type StorageCaller } from "../../src/service/plugin-storage.ts";
import { openStore } from "../../src/store/open-store.ts";
import { until } from "../support/processes.ts";
import { rejection } from "../support/rejection.ts";

export const caller: StorageCaller = {
  tenantId: "11111111-2222-4333-8444-555555555555",
  pluginId: "acme/notes",
  limitBytes: undefined,
};

/** Where the values of `caller` lie, below a storage's folder. */
export const CALLERS_FOLDER = join("persistence", caller.tenantId, caller.pluginId);

export interface StorageOptions {
  readonly folder: string;
  readonly maxBytes?: number;
  readonly durability?: "process" | "power";
  readonly restMs?: number;
  /** Where the database and the journal lie, if not in the folder. */
  readonly databaseFolder?: string;
}

/** The storage of plugins on a folder, as the daemon opens it. Its log is collected. */
export async function openStorage(options: StorageOptions) {
  const { folder, maxBytes = 1e9, durability = "process", databaseFolder = folder, restMs = 20 } = options;
  const lines: string[] = [];
  const store = openStore({
    path: join(databaseFolder, "plugd.db"),
    synchronous: "normal",
    sessionHistory: 10,
  });
  const metrics = createMetrics();
  const journalFolder = join(databaseFolder, "storage-journal");
  const storage = await createPluginStorage({
    store: store.pluginStorage,
    files: await createDiskValueStore({ folder: join(folder, "persistence"), durability }),
    journal: await openChangeJournal({
      folder: journalFolder,
      durability,
      reserve: openSpaceReserve({ path: join(databaseFolder, "storage-reserve"), bytes: 64 * 1024 }),
    }),
    restMs,
    maxBytes,
    metrics,
    log: createLogger({ level: "INFO", format: "text", write: (line) => lines.push(line) }),
  });
  const as = (who: StorageCaller) => ({
    set: (key: string, value: Uint8Array | string) =>
      storage.handle(who, { opt: "set", key, value: Buffer.from(value).toString("hex") }),
    async get(key: string): Promise<string> {
      const { data } = await storage.handle(who, { opt: "get", key, value: "" });
      return Buffer.from(String(data), "hex").toString();
    },
    del: (key: string) => storage.handle(who, { opt: "del", key, value: "" }),
    exist: async (key: string) => (await storage.handle(who, { opt: "exist", key, value: "" }))["data"],
    /** What a call is refused with. */
    async refusal(opt: "get" | "set" | "del" | "exist", key: string, value = ""): Promise<string> {
      const error = await rejection(storage.handle(who, { opt, key, value }));
      return error instanceof Error ? error.message : String(error);
    },
  });
  return {
    ...as(caller),
    as,
    metrics,
    lines,
    /** Resolves when just so many bytes are noted as kept by `caller`. */
    notes: (bytes: number) =>
      until(
        `${bytes} bytes are noted`,
        async () => ((await store.pluginStorage.bytes(caller)) ?? 0) === bytes,
      ),
    /** Resolves when everything is in its file, and no longer anywhere else. */
    settled: () => until("all is in files", async () => (await readdir(journalFolder)).length === 0),
    async close() {
      await storage.close();
      await store.close();
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "plugd-storage-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Files below a folder, by their path in it, with their sizes. */
export async function filesBelow(folder: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const names: string[] = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.sort()) {
    // One that is on its way to its place may be gone by now.
    const each = await stat(join(folder, name)).catch(() => undefined);
    if (each?.isFile()) found[name] = each.size;
  }
  return found;
}

export const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);
