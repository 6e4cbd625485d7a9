import type { ChangeJournal, JournalEntry } from "../blob/change-journal.ts";
import type { ValueChange, ValueContent, ValuePlace, ValueScope, ValueStore } from "../blob/value-store.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import type { Logger } from "../lib/logger.ts";
import { createSlots } from "../lib/slots.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

export interface PendingChangesDeps {
  readonly journal: ChangeJournal;
  readonly files: ValueStore;
  /** Called when changes of a plugin were written to their files. */
  readonly onWritten: (scope: ValueScope) => Promise<void>;
  /** How long a change rests here, for later ones of the same key to take its place; longer while others come in. */
  readonly restMs: number;
  readonly log: Logger;
}

/**
 * Values that are stored or deleted, on their way into files: the journal has them, a kill -9 cannot take them any
 * more. A moment later they are written to their files, and forgotten here. Of many changes of a key in that moment
 * only the last is written.
 */
export interface PendingChanges {
  /** The newest change of a key that is not in its file yet. */
  find(place: ValuePlace): ValueContent | undefined;
  /** All of a plugin's. */
  of(scope: ValueScope): readonly ValueChange[];
  /**
   * Waits while too much is on its way. Throws when files cannot be written, such as on a full disk: then nothing
   * more should be stored.
   */
  room(scope: ValueScope): Promise<void>;
  /**
   * Resolves when the change is safe. The caller is alone with the key. `onSafe` is called at that moment, before the
   * change can reach its file: what `onWritten` notes counts it already.
   */
  commit(change: ValueChange, onSafe: () => void): Promise<void>;
  /** Runs `work` while none of the plugin's changes moves into its file. */
  still<T>(scope: ValueScope, work: () => Promise<T>): Promise<T>;
  /** Writes what is left into files; what cannot be written stays in the journal for the next start. Idempotent. */
  close(): Promise<void>;
}

interface Pending {
  readonly change: ValueChange;
  readonly entry: JournalEntry;
}

interface Scope extends ValueScope {
  readonly changes: Map<string, Pending>;
  /** Why its files cannot be written. */
  failure: DaemonError | undefined;
}

/** Changes rest again while others come in, so many times at most: their files can wait, and calls cannot. */
const MAX_RESTS = 5;
/** How long to wait after files could not be written. */
const RETRY_MS = 5_000;
const MAX_CHANGES = 10_000;
/** Of values in memory, and of a journal that many changes of few keys make long. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_JOURNAL_BYTES = 64 * 1024 * 1024;
/** Plugins whose files are written at once. */
const WRITERS = 4;
/** Files of one plugin that are written at once; more would keep its own calls waiting for the disk. */
const FILES_AT_ONCE = 2;

/** Opens it with what an earlier process left on its way. */
export async function createPendingChanges(deps: PendingChangesDeps): Promise<PendingChanges> {
  const { journal, files, log } = deps;
  const scopes = new Map<string, Scope>();
  const locks = createKeyedLock();
  const slots = createSlots(WRITERS);
  const never = new AbortController().signal;
  let count = 0;
  let heldBytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let round: Promise<void> | undefined;
  /** Since the last rest began, and rests since the last round. */
  let commits = 0;
  let rests = 0;
  let closed = false;

  function put(pending: Pending): Pending | undefined {
    const { tenantId, pluginId, key } = pending.change;
    const id = scopeId(pending.change);
    const scope = scopes.get(id) ?? {
      tenantId,
      pluginId,
      changes: new Map<string, Pending>(),
      failure: undefined,
    };
    scopes.set(id, scope);
    const before = scope.changes.get(key);
    scope.changes.set(key, pending);
    count += before ? 0 : 1;
    heldBytes += bytesHeld(pending) - (before ? bytesHeld(before) : 0);
    before?.entry.release();
    return before;
  }

  function forget(id: string, pending: Pending): void {
    const scope = scopes.get(id);
    const { key } = pending.change;
    if (scope?.changes.get(key) !== pending) return;
    scope.changes.delete(key);
    if (scope.changes.size === 0) scopes.delete(id);
    count--;
    heldBytes -= bytesHeld(pending);
    pending.entry.release();
  }

  async function write({ content, ...place }: ValueChange): Promise<void> {
    switch (content.kind) {
      case "bytes":
        return writeBytes(place, content.value);
      case "staged":
        return files.put(place, content.name);
      case "deleted":
        return files.delete(place);
    }
  }

  /** The journal keeps the bytes of what fails: what was staged would only be staged once more by every attempt. */
  async function writeBytes(place: ValuePlace, value: Uint8Array): Promise<void> {
    const staged = await files.stage(value);
    try {
      await files.put(place, staged);
    } catch (error) {
      // The first error is the one that tells.
      await files.dropStaged(staged).catch(() => undefined);
      throw error;
    }
  }

  /** Answers why not all could be written. */
  async function writeChanges(id: string, scope: Scope): Promise<DaemonError | undefined> {
    let failure: DaemonError | undefined;
    const left = Array.from(scope.changes.values());
    const writeNext = async () => {
      for (let pending = left.pop(); pending; pending = left.pop()) {
        try {
          await write(pending.change);
          forget(id, pending);
        } catch (error) {
          failure ??= toDaemonError(error);
        }
      }
    };
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, writeNext));
    return failure;
  }

  async function writeScope(id: string, scope: Scope): Promise<void> {
    const release = await slots.acquire(() => 0, never);
    try {
      const failure = await locks.run(id, () => writeChanges(id, scope));
      if (failure && !scope.failure)
        log.warn("Cannot write what a plugin has stored into files; the journal keeps it", {
          tenant_id: scope.tenantId,
          plugin_id: scope.pluginId,
          error: failure,
          retry_seconds: RETRY_MS / 1000,
        });
      scope.failure = failure;
      await deps.onWritten(scope);
    } catch (error) {
      log.warn("Cannot note how much a plugin has stored", { plugin_id: scope.pluginId, error });
    } finally {
      release();
    }
  }

  /** Writes all that is here now; never rejects. At most one runs. */
  function flush(): Promise<void> {
    if (round) return round;
    clearTimeout(timer);
    timer = undefined;
    rests = 0;
    journal.rotate();
    round = Promise.all([...scopes].map(([id, scope]) => writeScope(id, scope))).then(() => {
      round = undefined;
      schedule();
    });
    return round;
  }

  function schedule(): void {
    if (closed || timer !== undefined || round !== undefined || scopes.size === 0) return;
    commits = 0;
    timer = setTimeout(wake, failed() ? RETRY_MS : deps.restMs);
  }

  function wake(): void {
    timer = undefined;
    if (commits === 0 || ++rests >= MAX_RESTS || isHalfFull()) void flush();
    else schedule();
  }

  function failed(): DaemonError | undefined {
    for (const { failure } of scopes.values()) if (failure) return failure;
    return undefined;
  }

  const isHalfFull = () => count >= MAX_CHANGES / 2 || heldBytes >= MAX_BYTES / 2;
  const isFull = () => count >= MAX_CHANGES || heldBytes >= MAX_BYTES || journal.size >= MAX_JOURNAL_BYTES;

  for (const { change, entry } of journal.left) put({ change, entry });
  const staged = [...scopes.values()].flatMap(({ changes }) => [...changes.values()]).flatMap(stagedName);
  await files.sweepStaged(new Set(staged));
  schedule();

  return {
    find: (place) => scopes.get(scopeId(place))?.changes.get(place.key)?.change.content,
    of: (scope) => [...(scopes.get(scopeId(scope))?.changes.values() ?? [])].map(({ change }) => change),
    async room(scope) {
      const own = scopes.get(scopeId(scope))?.failure;
      if (own) throw own;
      while (isFull()) {
        await flush();
        const failure = failed();
        if (failure && isFull()) throw failure;
      }
    },
    async commit(change, onSafe) {
      const before = put({ change, entry: await journal.append(change) });
      onSafe();
      commits++;
      schedule();
      for (const name of before ? stagedName(before) : []) await files.dropStaged(name);
    },
    still: (scope, work) => locks.run(scopeId(scope), work),
    async close() {
      if (closed) return round;
      closed = true;
      await round;
      await flush();
      if (count > 0)
        log.warn("What plugins have stored stays in the journal until the next start", { count });
      await journal.close();
    },
  };
}

function scopeId({ tenantId, pluginId }: ValueScope): string {
  return JSON.stringify([tenantId, pluginId]);
}

function bytesHeld({ change: { content } }: Pending): number {
  return content.kind === "bytes" ? content.value.length : 0;
}

function stagedName({ change: { content } }: Pending): readonly string[] {
  return content.kind === "staged" ? [content.name] : [];
}

function toDaemonError(error: unknown): DaemonError {
  if (error instanceof DaemonError) return error;
  return new DaemonError("internal", "Cannot write what a plugin has stored", { cause: error });
}
