import type { Logger } from "../lib/logger.ts";
import type { CallBackTrace, CallTrace } from "./call-trace.ts";
import type { CallBackRow, SessionOutcome, SessionRow, SessionStore } from "../store/store.ts";

/** What is known of a session when it begins. */
export type NewSession = Pick<
  SessionRow,
  "id" | "tenantId" | "pluginId" | "identifier" | "runtimeType" | "type" | "action"
>;

/** How far a session is. Read when its row is written, so a running one shows its progress. */
export type SessionProgress = Pick<CallTrace, "sentMs" | "delivered" | "callsBack" | "usage">;

export interface RecordedSession {
  /** The first outcome counts. */
  end(outcome: SessionOutcome): void;
}

export interface SessionRecorder {
  begin(session: NewSession, progress: SessionProgress): RecordedSession;
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
  /** Ended sessions that are kept; more than that between two writes are not even written. */
  readonly history: number;
  readonly intervalMs: number;
  readonly log: Logger;
}

interface Entry {
  readonly session: NewSession;
  readonly startedAt: number;
  readonly progress: SessionProgress;
  /** The store shows it as running, so its end must be written. */
  shown: boolean;
}

/** More than these ended within an interval: then rows are written every tenth time, and most of them never. */
const FEW_ROWS = 200;
/** What is shown already is shown anew this often. */
const REFRESH_EVERY = 10;
/** Rows of one transaction: small enough that a write never holds up the relay for long. */
const BATCH_ROWS = 250;
/** Calls back of one session whose details are written: about 5 KB, of up to `PLUGD_SESSION_HISTORY` sessions. */
const MAX_CALLS_BACK = 100;

/**
 * Keeps sessions in memory for the time of the call and writes them to the store in batches, off the hot path.
 * A session that begins and ends between two writes costs one row, not two; under load writes are rarer, and of what
 * ended between two only the latest `history` rows are written: the others would be removed again at once.
 */
export function createSessionRecorder(options: SessionRecorderOptions): SessionRecorder {
  const { store, history, log } = options;
  const running = new Map<string, Entry>();
  const used = new Set<string>();
  /** Ended since the last write: those that the store shows as running, and the latest of the others. */
  let closing: SessionRow[] = [];
  let ended: SessionRow[] = [];
  let flushing: Promise<void> | undefined;
  let closed: Promise<void> | undefined;
  let failing = false;
  let ticks = 0;
  /** Plugins whose use the store has learnt since the last refresh. */
  const told = new Set<string>();
  const timer = setInterval(() => {
    ticks++;
    const refresh = ticks % REFRESH_EVERY === 0;
    if (refresh) told.clear();
    if (refresh || ended.length <= FEW_ROWS) void flushInBackground(refresh);
  }, options.intervalMs);

  async function flushInBackground(refresh: boolean): Promise<void> {
    try {
      await flush({ refresh });
      if (failing) log.info("The list of sessions is written again");
      failing = false;
    } catch (cause) {
      // Once a second for as long as a disk is full would hide what else the log has to tell.
      if (!failing) log.error("Cannot write the list of sessions", { error: cause });
      failing = true;
    }
  }

  function row(
    entry: Entry,
    end: { readonly at: number; readonly outcome: SessionOutcome } | undefined,
  ): SessionRow {
    const { sentMs = 0, delivered, callsBack, usage } = entry.progress;
    return {
      ...entry.session,
      startedAt: new Date(entry.startedAt),
      lastActiveAt: new Date(end?.at ?? Date.now()),
      endedAt: end ? new Date(end.at) : null,
      outcome: end?.outcome ?? null,
      items: delivered.items,
      bytes: delivered.bytes,
      callsBack: callsBack.total,
      failedCallsBack: callsBack.failed,
      functionMs: usage?.executionMs ?? null,
      functionMemoryMb: usage?.memoryMb ?? null,
      callBackTrace: callsBack.detailed.slice(0, MAX_CALLS_BACK).map((one) => callBackRow(one, sentMs)),
    };
  }

  async function write(refresh: boolean): Promise<void> {
    const taken = { closing, ended: latest(ended, history), used: [...used].filter((id) => !told.has(id)) };
    closing = [];
    ended = [];
    used.clear();
    const now = Date.now();
    // A call that is over before the next write is seen once, when it has ended.
    const long = [...running.values()].filter(
      ({ startedAt, shown }) => (refresh || !shown) && now - startedAt >= options.intervalMs,
    );
    const rows = [...taken.closing, ...taken.ended, ...long.map((entry) => row(entry, undefined))];
    for (const entry of long) entry.shown = true;
    for (const identifier of taken.used) told.add(identifier);
    try {
      for (let at = 0; at < rows.length; at += BATCH_ROWS) {
        await store.save(rows.slice(at, at + BATCH_ROWS));
        // Lets what came in meanwhile go first.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      if (taken.used.length > 0) await options.touch(taken.used, new Date(now));
    } catch (cause) {
      // For the next attempt; a row that was written all the same is replaced by itself.
      closing = [...taken.closing, ...closing];
      ended = latest([...taken.ended, ...ended], history);
      for (const identifier of taken.used) {
        used.add(identifier);
        told.delete(identifier);
      }
      throw cause;
    }
  }

  function flush({ refresh } = { refresh: true }): Promise<void> {
    flushing ??= write(refresh).finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    get active() {
      return running.size;
    },
    begin(session, progress) {
      const entry: Entry = { session, startedAt: Date.now(), progress, shown: false };
      running.set(session.id, entry);
      used.add(session.identifier);
      return {
        end(outcome) {
          if (!running.delete(session.id)) return;
          (entry.shown ? closing : ended).push(row(entry, { at: Date.now(), outcome }));
          // Not with every one: cutting costs a copy.
          if (ended.length > 2 * history + BATCH_ROWS) ended = latest(ended, history);
        },
      };
    },
    flush: () => flush(),
    close() {
      clearInterval(timer);
      // A write that is under way does not know what ended since it began.
      closed ??= flush().then(
        () => flush(),
        () => flush(),
      );
      return closed;
    },
  };
}

/** The trace counts from the call's beginning, which may have waited for its plugin; the session from when it was sent. */
function callBackRow(of: CallBackTrace, sentMs: number): CallBackRow {
  const since = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms - sentMs));
  return {
    type: of.type,
    beganMs: Math.round(of.beganMs - sentMs),
    firstByteMs: since(of.firstByteMs),
    endMs: since(of.endMs),
    requestBytes: of.requestBytes,
    responseBytes: of.responseBytes,
    outcome: of.outcome ?? null,
  };
}

function latest<T>(items: readonly T[], count: number): T[] {
  return items.slice(Math.max(0, items.length - count));
}
