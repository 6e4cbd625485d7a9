import { join } from "node:path";
import { openChangeJournal } from "./blob/change-journal.ts";
import { createDiskValueStore } from "./blob/disk-value-store.ts";
import { openSpaceReserve } from "./blob/space-reserve.ts";
import type { Config } from "./config/config.ts";
import type { Logger } from "./lib/logger.ts";
import type { Metrics } from "./service/metrics.ts";
import { createPluginStorage, type PluginStorage } from "./service/plugin-storage.ts";
import type { PluginStorageStore } from "./store/plugin-storage.ts";

export interface PluginStorageModulesDeps {
  readonly config: Config;
  readonly store: PluginStorageStore;
  /** Where the values lie. */
  readonly valueFolder: string;
  /** Where the journal lies. */
  readonly dataPath: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Room for some hundred deletions. */
const RESERVE_BYTES = 64 * 1024;

/** The storage of plugins, connected. */
export async function openPluginStorage(deps: PluginStorageModulesDeps): Promise<PluginStorage> {
  const { config, store, metrics, log } = deps;
  const durability = config.PLUGD_STORAGE_DURABILITY;
  return createPluginStorage({
    store,
    files: await createDiskValueStore({ folder: deps.valueFolder, durability }),
    journal: await openChangeJournal({
      folder: join(deps.dataPath, "storage-journal"),
      durability,
      reserve: openSpaceReserve({ path: join(deps.dataPath, "storage-reserve"), bytes: RESERVE_BYTES }),
    }),
    maxBytes: config.PERSISTENCE_STORAGE_MAX_SIZE,
    metrics,
    log,
  });
}
