import type { ChangeJournal } from "../blob/change-journal.ts";
import type { ValueStore } from "../blob/value-store.ts";
import { describeError } from "../lib/describe-error.ts";
import type { Logger } from "../lib/logger.ts";
import type { StorageRequest } from "../protocol/backwards/storage-call.ts";
import { DaemonError, type DaemonErrorCode } from "../protocol/daemon-error.ts";
import type { PluginStorageStore } from "../store/plugin-storage.ts";
import type { Metrics } from "./metrics.ts";
import { decodeHex, encodeHex } from "./plugin-storage-hex.ts";
import { checkKeyLength, cleanKey } from "./plugin-storage-key.ts";
import { createPluginValues } from "./plugin-storage-values.ts";

export interface StorageCaller {
  readonly tenantId: string;
  /** `author/name`: a plugin's values stay through upgrades. */
  readonly pluginId: string;
  /** `storage.size` of the plugin's manifest; undefined: the operator's limit is the only one. */
  readonly limitBytes: number | undefined;
}

export interface StorageCallOptions {
  /** Awaited before a value is read, with the characters of the answer. Default: there is room. */
  readonly room?: (chars: number) => Promise<void>;
}

/** What plugins keep under keys (contract/backwards-invocation 3). */
export interface PluginStorage {
  /**
   * Answers the `data` of the response. Rejects with a `DaemonError` whose message is what the plugin is told. A value is
   * safe when this resolves.
   */
  handle(
    caller: StorageCaller,
    request: StorageRequest,
    options?: StorageCallOptions,
  ): Promise<Record<string, unknown>>;
  /** To be called when no plugin runs any more. Idempotent. */
  close(): Promise<void>;
}

export interface PluginStorageDeps {
  readonly store: PluginStorageStore;
  readonly files: ValueStore;
  readonly journal: ChangeJournal;
  /** How long a value rests before it is written to its file. Default: a second. */
  readonly restMs?: number;
  /** `PERSISTENCE_STORAGE_MAX_SIZE`. */
  readonly maxBytes: number;
  readonly metrics: Pick<Metrics, "storageOperations" | "storageSeconds">;
  readonly log: Logger;
}

const STORAGE_TYPE = "local";
const REST_MS = 1_000;
/** A full disk fails thousands of calls in a row; one line in this time tells of them. */
const SILENCE_MS = 10_000;

export async function createPluginStorage(deps: PluginStorageDeps): Promise<PluginStorage> {
  const { metrics, maxBytes, log } = deps;
  const values = await createPluginValues({ restMs: REST_MS, ...deps });
  let silentUntil = 0;

  const placeOf = ({ tenantId, pluginId }: StorageCaller, key: string) => ({
    tenantId,
    pluginId,
    key: cleanKey(key),
  });

  function complain(error: unknown, { caller, operation }: Failed): void {
    const now = performance.now();
    if (now < silentUntil) return;
    silentUntil = now + SILENCE_MS;
    const { tenantId: tenant_id, pluginId: plugin_id } = caller;
    log.error("Cannot serve a plugin's storage", { operation, tenant_id, plugin_id, error });
  }

  const operations: Readonly<
    Record<
      StorageRequest["opt"],
      (caller: StorageCaller, request: StorageRequest, options: StorageCallOptions) => Promise<Reply>
    >
  > = {
    async set(caller, { key, value }) {
      const bytes = await told("decode data failed", async () => decodeHex(value));
      return told("save data failed", async () => {
        const place = placeOf(caller, key);
        checkKeyLength(key);
        await values.set(place, { bytes, limitBytes: Math.min(caller.limitBytes ?? maxBytes, maxBytes) });
        return { data: "ok" };
      });
    },
    async get(caller, { key }, { room }) {
      let bytes: Uint8Array | undefined;
      try {
        // Thousands of large values that the plugin does not take must not be read before it does.
        bytes = await values.get(placeOf(caller, key), { room: room && ((size) => room(2 * size)) });
      } catch (cause) {
        throw new DaemonError(codeOf(cause), LOAD_FAILED, { cause });
      }
      if (!bytes) throw new DaemonError("not_found", LOAD_FAILED);
      return { data: encodeHex(bytes) };
    },
    del: (caller, { key }) =>
      told("delete data failed", async () => {
        if (!(await values.delete(placeOf(caller, key))))
          throw new DaemonError("not_found", `there is no value under "${key}"`);
        return { data: "ok", deleted_num: 1 };
      }),
    exist: (caller, { key }) =>
      told("exist data failed", async () => {
        const exists = (await values.size(placeOf(caller, key))) !== undefined;
        return { data: exists, exist_num: exists ? 1 : 0 };
      }),
  };

  return {
    async handle(caller, request, options = {}) {
      const began = performance.now();
      const labels = { operation: request.opt, storage_type: STORAGE_TYPE };
      let status = "failed";
      try {
        const reply = await operations[request.opt](caller, request, options);
        status = "success";
        return reply;
      } catch (error) {
        // What the plugin did wrong is its own affair; what we cannot do is the operator's.
        if (codeOf(error) === "internal") complain(error, { caller, operation: request.opt });
        throw error;
      } finally {
        metrics.storageOperations.inc({ ...labels, status });
        metrics.storageSeconds.observe(labels, (performance.now() - began) / 1000);
      }
    },
    close: () => values.close(),
  };
}

type Reply = Record<string, unknown>;

interface Failed {
  readonly caller: StorageCaller;
  readonly operation: string;
}

/** The reference says no more, whatever it is. */
const LOAD_FAILED = "load data failed, please check if the key is correct or you have not set it";

/** What fails is told with the reference's words before it. */
async function told<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof DaemonError ? cause.message : describeError(cause);
    throw new DaemonError(codeOf(cause), `${prefix}: ${reason}`, { cause });
  }
}

function codeOf(error: unknown): DaemonErrorCode {
  return error instanceof DaemonError ? error.code : "internal";
}
