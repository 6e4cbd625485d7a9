import type { Logger } from "../lib/logger.ts";
import type { SessionOutcome, SessionRow, SessionStore } from "../store/store.ts";

/** What is known of a session when it begins. */
export type NewSession = Pick<
  SessionRow,
  "id" | "tenantId" | "pluginId" | "identifier" | "runtimeType" | "type" | "action"
>;

export interface RecordedSession {
  /** The first outcome counts. */
  end(outcome: SessionOutcome): void;
}

export interface SessionRecorder {
  /** `delivered` is read when the row is written, so a running session shows its progress. */
  begin(session: NewSession, delivered: { readonly items: number; readonly bytes: number }): RecordedSession;
  /** Sessions that are open. */
  readonly active: number;
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. Idempotent. */
  close(): Promise<void>;
}

export interface SessionRecorderOptions {
  readonly store: SessionStore;
  /** Tells which plugins were used since the last write: after a restart these come back first. */
  readonly touch: (identifiers: readonly string[], at: Date) => Promise<void>;
  /** Ended sessions that are kept; older ones are not even written. */
  readonly history: number;
  readonly intervalMs: number;
  readonly log: Logger;
}

interface Entry {
  readonly session: NewSession;
  readonly startedAt: number;
  readonly delivered: { readonly items: number; readonly bytes: number };
}

/** Rows of one transaction: small enough that a write never holds up the relay for long. */
const BATCH_ROWS = 250;

/**
 * Keeps sessions in memory for the time of the call and writes them to the store in batches, off the hot path.
 * A session that begins and ends between two writes costs one row, not two.
 */
export function createSessionRecorder(options: SessionRecorderOptions): SessionRecorder {
  const { store, history, log } = options;
  const running = new Map<string, Entry>();
  const used = new Set<string>();
  let ended: SessionRow[] = [];
  let flushing: Promise<void> | undefined;
  let closed = false;
  const timer = setInterval(() => {
    flush().catch((cause: unknown) => log.error("Cannot write the list of sessions", { error: cause }));
  }, options.intervalMs);

  function row(
    entry: Entry,
    end: { readonly at: number; readonly outcome: SessionOutcome } | undefined,
  ): SessionRow {
    return {
      ...entry.session,
      startedAt: new Date(entry.startedAt),
      lastActiveAt: new Date(end?.at ?? Date.now()),
      endedAt: end ? new Date(end.at) : null,
      outcome: end?.outcome ?? null,
      items: entry.delivered.items,
      bytes: entry.delivered.bytes,
    };
  }

  async function write(): Promise<void> {
    const rows = ended.slice(-history);
    ended = [];
    const identifiers = [...used];
    used.clear();
    const now = Date.now();
    // A call that is over before the next write is seen once, when it has ended.
    for (const entry of running.values())
      if (now - entry.startedAt >= options.intervalMs) rows.push(row(entry, undefined));
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      await store.save(rows.slice(at, at + BATCH_ROWS));
      // Lets what came in meanwhile go first.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (identifiers.length > 0) await options.touch(identifiers, new Date(now));
    if (rows.length > 0) await store.prune(history);
  }

  function flush(): Promise<void> {
    flushing ??= write().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    get active() {
      return running.size;
    },
    begin(session, delivered) {
      const entry: Entry = { session, startedAt: Date.now(), delivered };
      running.set(session.id, entry);
      used.add(session.identifier);
      return {
        end(outcome) {
          if (!running.delete(session.id)) return;
          ended.push(row(entry, { at: Date.now(), outcome }));
          if (ended.length > 2 * history) ended = ended.slice(-history);
        },
      };
    },
    flush,
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await flush();
      await flush();
    },
  };
}
