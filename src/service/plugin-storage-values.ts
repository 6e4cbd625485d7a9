import type { ChangeJournal } from "../blob/change-journal.ts";
import type { ValueContent, ValuePlace, ValueStore } from "../blob/value-store.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import type { Logger } from "../lib/logger.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginStorageStore } from "../store/plugin-storage.ts";
import { createStorageAccounts } from "./plugin-storage-accounts.ts";
import { createPendingChanges } from "./plugin-storage-changes.ts";

/** Values by place, with a limit on how much a plugin may keep that holds to the byte. */
export interface PluginValues {
  /** `room` is awaited before a value of so many bytes is read. */
  get(
    place: ValuePlace,
    options?: { readonly room?: ((bytes: number) => Promise<void>) | undefined },
  ): Promise<Uint8Array | undefined>;
  /** Bytes of the value; undefined when there is none. */
  size(place: ValuePlace): Promise<number | undefined>;
  /** Resolves when the value is safe. Throws `bad_request` when the plugin would keep more than `limitBytes`. */
  set(place: ValuePlace, value: { readonly bytes: Uint8Array; readonly limitBytes: number }): Promise<void>;
  /** Answers whether there was one. */
  delete(place: ValuePlace): Promise<boolean>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface PluginValuesDeps {
  readonly store: PluginStorageStore;
  readonly files: ValueStore;
  readonly journal: ChangeJournal;
  /** How long a value rests before it is written to its file. */
  readonly restMs: number;
  readonly log: Logger;
}

/** Up to here the journal takes a value on its way; larger ones wait in a file. */
const MAX_INLINE_BYTES = 64 * 1024;

export async function createPluginValues(deps: PluginValuesDeps): Promise<PluginValues> {
  const { files } = deps;
  const changes = await createPendingChanges({ ...deps, onWritten: (scope) => accounts.note(scope) });
  const accounts = createStorageAccounts({ ...deps, changes });
  const locks = createKeyedLock();

  const alone = <T>(place: ValuePlace, work: () => Promise<T>): Promise<T> =>
    locks.run(JSON.stringify([place.tenantId, place.pluginId, place.key]), work);

  async function size(place: ValuePlace): Promise<number | undefined> {
    const pending = changes.find(place);
    if (!pending) return files.size(place);
    if (pending.kind === "deleted") return undefined;
    return pending.kind === "bytes" ? pending.value.length : pending.bytes;
  }

  async function store(
    place: ValuePlace,
    { bytes, onSafe }: { readonly bytes: Uint8Array; readonly onSafe: () => void },
  ): Promise<void> {
    await changes.room(place);
    const content: ValueContent =
      bytes.length <= MAX_INLINE_BYTES
        ? { kind: "bytes", value: bytes }
        : { kind: "staged", name: await files.stage(bytes), bytes: bytes.length };
    try {
      await changes.commit({ ...place, content }, onSafe);
    } catch (error) {
      if (content.kind === "staged") await files.dropStaged(content.name);
      throw error;
    }
  }

  return {
    size,
    async get(place, { room } = {}) {
      for (;;) {
        const pending = changes.find(place);
        if (!pending) return files.read(place, { room });
        if (pending.kind === "deleted") return undefined;
        await room?.(pending.kind === "bytes" ? pending.value.length : pending.bytes);
        if (pending.kind === "bytes") return pending.value;
        const bytes = await files.readStaged(pending.name);
        if (bytes) return bytes;
        // It has just been moved to its place, which the list of changes will say in a moment.
        if (changes.find(place) === pending) return files.read(place);
      }
    },
    set: (place, { bytes, limitBytes }) =>
      alone(place, () =>
        accounts.use(place, async (account) => {
          const deltaBytes = bytes.length - ((await size(place)) ?? 0);
          // What is let in counts before it is there, what goes only when it is gone: nobody can take its room early.
          const growth = Math.max(deltaBytes, 0);
          if (growth > 0 && account.bytes + account.reservedBytes + growth > limitBytes)
            throw new DaemonError("bad_request", "allocated size is greater than max storage size");
          account.reservedBytes += growth;
          try {
            await store(place, { bytes, onSafe: () => void (account.bytes += deltaBytes) });
          } finally {
            account.reservedBytes -= growth;
          }
        }),
      ),
    delete: (place) =>
      alone(place, () =>
        accounts.use(place, async (account) => {
          const bytes = await size(place);
          if (bytes === undefined) return false;
          const content = { kind: "deleted" } as const;
          await changes.commit({ ...place, content }, () => void (account.bytes -= bytes));
          return true;
        }),
      ),
    close: () => changes.close(),
  };
}
