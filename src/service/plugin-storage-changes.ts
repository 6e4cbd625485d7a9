import type { ValuePlace, ValueScope, ValueStore } from "../blob/value-store.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import type { Logger } from "../lib/logger.ts";
import { createSlots } from "../lib/slots.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginStorageStore, StorageContent, StoredChange } from "../store/store.ts";

export interface PendingChangesDeps {
  readonly store: PluginStorageStore;
  readonly files: ValueStore;
  readonly log: Logger;
}

/**
 * Values that are stored or deleted, on their way into files: the database has them, a kill -9 cannot take them any
 * more. A moment later they are written to their files, and forgotten here. Of many changes of a key in that moment
 * only the last is written.
 */
export interface PendingChanges {
  /** The newest change of a key that is not in its file yet. */
  find(place: ValuePlace): StorageContent | undefined;
  /** All of a plugin's. */
  of(scope: ValueScope): Iterable<StoredChange>;
  /**
   * Waits while too much is on its way. Throws when files cannot be written, such as on a full disk: then nothing
   * more should be stored.
   */
  room(scope: ValueScope): Promise<void>;
  /** Resolves when the change is safe. The caller is alone with the key. */
  commit(
    place: ValuePlace,
    change: { readonly content: StorageContent; readonly deltaBytes: number },
  ): Promise<void>;
  /** Runs `work` while none of the plugin's changes moves into its file. */
  still<T>(scope: ValueScope, work: () => Promise<T>): Promise<T>;
  /** Writes what is left into files; what cannot be written stays in the database for the next start. Idempotent. */
  close(): Promise<void>;
}

/** How long a value rests here, for others of the same key to take its place. */
const REST_MS = 100;
/** How long to wait after files could not be written. */
const RETRY_MS = 5_000;
const MAX_CHANGES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Plugins whose files are written at once. */
const WRITERS = 4;
/** Changes that are settled in one transaction, during which everything else stands still. */
const SETTLED_AT_ONCE = 200;

/** Opens it with what an earlier process left on its way. */
export async function createPendingChanges(deps: PendingChangesDeps): Promise<PendingChanges> {
  const { store, files, log } = deps;
  const scopes = new Map<string, Map<string, StoredChange>>();
  /** Why the files of a plugin cannot be written. */
  const failures = new Map<string, DaemonError>();
  const locks = createKeyedLock();
  const slots = createSlots(WRITERS);
  const never = new AbortController().signal;
  let count = 0;
  let heldBytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let round: Promise<void> | undefined;
  let closed = false;

  function put(change: StoredChange): StoredChange | undefined {
    const id = scopeId(change);
    const changes = scopes.get(id) ?? new Map<string, StoredChange>();
    scopes.set(id, changes);
    const before = changes.get(change.key);
    changes.set(change.key, change);
    count += before ? 0 : 1;
    heldBytes += bytesHeld(change) - (before ? bytesHeld(before) : 0);
    return before;
  }

  function forget(change: StoredChange): void {
    const id = scopeId(change);
    const changes = scopes.get(id);
    if (changes?.get(change.key) !== change) return;
    changes.delete(change.key);
    if (changes.size === 0) scopes.delete(id);
    count--;
    heldBytes -= bytesHeld(change);
  }

  async function write(change: StoredChange): Promise<void> {
    switch (change.content.kind) {
      case "bytes":
        return files.put(change, await files.stage(change.content.value));
      case "file":
        return files.put(change, change.content.name);
      case "deleted":
        return files.delete(change);
    }
  }

  async function writeScope(id: string): Promise<void> {
    const release = await slots.acquire(() => 0, never);
    try {
      await locks.run(id, async () => {
        const written: StoredChange[] = [];
        let failure: DaemonError | undefined;
        for (const change of Array.from(scopes.get(id)?.values() ?? [])) {
          try {
            await write(change);
            written.push(change);
          } catch (error) {
            failure ??= toDaemonError(error);
          }
        }
        for (let at = 0; at < written.length; at += SETTLED_AT_ONCE) {
          const batch = written.slice(at, at + SETTLED_AT_ONCE);
          await store.settle(batch);
          batch.forEach(forget);
        }
        if (failure) throw failure;
      });
      if (failures.delete(id)) log.info("What plugins store reaches its files again");
    } catch (error) {
      if (!failures.has(id))
        log.warn("Cannot write what a plugin has stored into files; the database keeps it", {
          error,
          retry_seconds: RETRY_MS / 1000,
        });
      failures.set(id, toDaemonError(error));
    } finally {
      release();
    }
  }

  /** Writes all that is here now; never rejects. At most one runs. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    round ??= Promise.all([...scopes.keys()].map(writeScope)).then(() => {
      round = undefined;
      if (!closed) schedule();
    });
    return round;
  }

  function schedule(): void {
    if (timer === undefined && round === undefined && scopes.size > 0)
      timer = setTimeout(() => void flush(), failures.size > 0 ? RETRY_MS : REST_MS);
  }

  const left = await store.changes();
  left.forEach(put);
  await files.sweepStaged(
    new Set(left.flatMap(({ content }) => (content.kind === "file" ? [content.name] : []))),
  );
  schedule();

  return {
    find: (place) => scopes.get(scopeId(place))?.get(place.key)?.content,
    of: (scope) => scopes.get(scopeId(scope))?.values() ?? [],
    async room(scope) {
      for (;;) {
        const failure = failures.get(scopeId(scope));
        if (failure) throw failure;
        if (count < MAX_CHANGES && heldBytes < MAX_BYTES) return;
        if (failures.size > 0)
          throw new DaemonError("internal", "Cannot store more: files cannot be written");
        await flush();
      }
    },
    async commit(place, change) {
      if (closed) throw new DaemonError("unavailable", "Cannot store anything: the daemon is shutting down");
      const { tenantId, pluginId, key } = place;
      const version = await store.commit({ tenantId, pluginId, key, ...change });
      const before = put({ tenantId, pluginId, key, version, content: change.content });
      schedule();
      if (before?.content.kind === "file") await files.dropStaged(before.content.name);
    },
    still: (scope, work) => locks.run(scopeId(scope), work),
    async close() {
      if (closed) return round;
      closed = true;
      await round;
      await flush();
      if (scopes.size > 0)
        log.warn("What plugins have stored stays in the database until the next start", { count });
    },
  };
}

function scopeId({ tenantId, pluginId }: ValueScope): string {
  return JSON.stringify([tenantId, pluginId]);
}

function bytesHeld({ content }: StoredChange): number {
  return content.kind === "bytes" ? content.value.length : 0;
}

function toDaemonError(error: unknown): DaemonError {
  if (error instanceof DaemonError) return error;
  return new DaemonError("internal", "Cannot write what a plugin has stored", { cause: error });
}
