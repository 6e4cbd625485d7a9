import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { Database as Sqlite } from "bun:sqlite";
import { DaemonError } from "../protocol/daemon-error.ts";
import { createByteCache } from "./byte-cache.ts";
import { cacheEndpoints } from "./cached-endpoints.ts";
import { cacheInstallations } from "./cached-installations.ts";
import { createCatalogueStore } from "./catalogue.ts";
import { type CommitMode, createDatabase } from "./database.ts";
import { damaged, explainDatabaseError } from "./database-error.ts";
import { createDebugKeyStore } from "./debug-keys.ts";
import { createDeclarationStore } from "./declarations.ts";
import { prepareFacts } from "./declaration-facts.ts";
import { prepareUsage } from "./declaration-usage.ts";
import { createEndpointStore } from "./endpoints.ts";
import { createInstallationStore } from "./installations.ts";
import { MIGRATIONS, migrate } from "./migrate.ts";
import { createPluginStorageStore } from "./plugin-storage.ts";
import { createReadmeStore } from "./readmes.ts";
import { createServerlessRuntimeStore } from "./serverless-runtimes.ts";
import { createSessionStore } from "./sessions.ts";
import type { DeclarationText, Store } from "./store.ts";
import { createTaskStore } from "./tasks.ts";

/** How long a write waits for another process, such as a database shell; the event loop stands still meanwhile. */
const BUSY_TIMEOUT_MS = 250;
/** The write-ahead log is cut back to this after it was folded into the file. */
const WAL_LIMIT_BYTES = 16 * 1024 * 1024;
/** Declarations that are kept for the next list: about 120 model plugins, or thousands of tools. */
const TEXT_CACHE_BYTES = 32 * 1024 * 1024;
const TEXT_IDLE_MS = 60_000;

export interface StoreOptions {
  /** The database file, made when absent; its folder must exist and be ours alone (`openDataFolder`). `:memory:` works. */
  readonly path: string;
  /** `full`: a commit survives a power cut; `normal`: the last ones may be lost, which is ten times as fast. */
  readonly synchronous: CommitMode;
  /** Ended sessions to keep, about; `SessionStore.save` prunes by itself. */
  readonly sessionHistory: number;
  readonly now?: () => Date;
}

/** Opens the database and migrates it. Throws `startup` with a sentence of its own for each way that can fail. */
export function openStore(options: StoreOptions): Store {
  const { path } = options;
  const now = options.now ?? (() => new Date());
  const sqlite = open(options);
  const database = createDatabase(sqlite, path);
  const usage = prepareUsage(database);
  const texts = createByteCache<DeclarationText>({ maxBytes: TEXT_CACHE_BYTES, idleMs: TEXT_IDLE_MS, now });
  const installations = cacheInstallations(createInstallationStore(database, { now, usage }));
  return {
    declarations: createDeclarationStore(database, {
      now,
      usage,
      facts: prepareFacts(database),
      onRemoved: (identifier) => texts.forget(identifier),
    }),
    installations,
    endpoints: cacheEndpoints(
      createEndpointStore(database, { now, onCounted: () => installations.forget() }),
    ),
    catalogue: createCatalogueStore(database, { texts }),
    readmes: createReadmeStore(database),
    tasks: createTaskStore(database, { now }),
    pluginStorage: createPluginStorageStore(database),
    serverless: createServerlessRuntimeStore(database, { now }),
    debugKeys: createDebugKeyStore(database),
    sessions: createSessionStore(database, { history: options.sessionHistory }),
    async close() {
      database.close();
    },
  };
}

function open({ path, synchronous }: StoreOptions): Sqlite {
  let sqlite: Sqlite | undefined;
  try {
    // Only a process that died leaves a log behind: then the whole file is looked at.
    const unclean = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
    if (path !== ":memory:") createPrivateFile(path);
    sqlite = new Sqlite(path, { create: true, readwrite: true, strict: true });
    sqlite.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    sqlite.run("PRAGMA journal_mode = WAL");
    sqlite.run(`PRAGMA synchronous = ${synchronous === "full" ? "FULL" : "NORMAL"}`);
    sqlite.run(`PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES}`);
    sqlite.run("PRAGMA foreign_keys = ON");
    sqlite.run("PRAGMA temp_store = MEMORY");
    if (unclean) checkIntegrity(sqlite, path);
    migrate(sqlite, { path, migrations: MIGRATIONS });
    return sqlite;
  } catch (error) {
    sqlite?.close();
    throw explainDatabaseError(error, { code: "startup", action: "open", path });
  }
}

/** SQLite gives its files the umask's rights; the log and its index copy those of the database. */
function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It exists, or SQLite will say better why it cannot be made.
  }
}

function checkIntegrity(sqlite: Sqlite, path: string): void {
  const row = sqlite.prepare<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
  if (row?.quick_check === "ok") return;
  const { reason, hint } = damaged(path, row?.quick_check ?? "no answer");
  throw new DaemonError("startup", `Cannot open "${path}": ${reason}`, { hint });
}
