import type { Logger } from "../../lib/logger.ts";
import { settlesWithin } from "../../lib/deadline.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { FunctionInstance } from "./function-instance.ts";

/** Times in milliseconds. */
export interface PoolSettings {
  readonly maxInstances: number;
  /** Calls that one instance answers at the same time. */
  readonly callsPerInstance: number;
  /** Calls that may wait for an instance. */
  readonly maxWaiting: number;
  /** An instance without a call is stopped after this time. */
  readonly idleMs: number;
}

export interface InstancePoolOptions {
  readonly settings: PoolSettings;
  /** Resolves when the instance answers. Rejects with a `DaemonError` that says why it does not. */
  start(number: number, signal: AbortSignal): Promise<FunctionInstance>;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly now: () => number;
}

/** A place in an instance for one call. */
export interface Lease {
  readonly instance: FunctionInstance;
  /** Gives it back; a suspect instance gets no further calls and is stopped after those that it has. Idempotent. */
  release(how?: { readonly suspect: boolean }): void;
}

export interface PoolStatus {
  readonly starting: number;
  readonly ready: number;
  /** Calls that are answered, and such as wait. */
  readonly calls: number;
  readonly waiting: number;
}

/**
 * The instances of one function.
 *
 *            a call that finds        it answers           its last call ended
 *            no free place
 *   (none) ───────────────▶ starting ──────────▶ ready ◀──────────────────── busy
 *                              │ fails             │ └──────── a call ────────▶ │
 *                              ▼                   ▼ idle time                  ▼ suspect, replaced
 *                            (none) ◀──────────  stopping ◀── last call ended ── retired
 *
 * A call goes to the instance with the fewest; where each has one, a further instance is started in the background, up
 * to the limit, and the call does not wait for it. An instance that ends is forgotten and replaced by the next call.
 */
export interface InstancePool {
  /**
   * Rejects with `overloaded` where too many wait, with the start's own error where none can be started, and with the
   * signal's reason.
   */
  acquire(signal: AbortSignal): Promise<Lease>;
  /**
   * Starts an instance, above the limit if need be, and then retires those that were there before. Rejects with the
   * start's own error; they stay then.
   */
  replaceAll(): Promise<void>;
  readonly status: PoolStatus;
  /** Calls that wait are refused, open ones get the time, then all instances are stopped. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

interface Entry {
  readonly instance: FunctionInstance;
  calls: number;
  retired: boolean;
  idle: Timer | undefined;
}

interface Waiter {
  readonly grant: (lease: Lease) => void;
  readonly refuse: (cause: unknown) => void;
}

/** After a start that failed no instance is started in the background for this long, then for twice as long. */
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;

export function createInstancePool(options: InstancePoolOptions): InstancePool {
  const { settings, log, now } = options;
  const entries = new Set<Entry>();
  const waiters = new Set<Waiter>();
  /** Starts and stops that are under way. */
  const work = new Set<Promise<void>>();
  const closing = new AbortController();
  let starting = 0;
  let started = 0;
  let failures = 0;
  let calmUntil = 0;
  let closed: Promise<void> | undefined;

  const live = () => [...entries].filter((entry) => !entry.retired);
  const mayStart = () => live().length + starting < settings.maxInstances && !closing.signal.aborted;

  function hold(task: Promise<void>): void {
    const held = task.finally(() => work.delete(held));
    work.add(held);
  }

  async function startEntry(): Promise<void> {
    starting++;
    let instance: FunctionInstance;
    try {
      instance = await options.start(++started, closing.signal);
    } finally {
      starting--;
    }
    const entry: Entry = { instance, calls: 0, retired: false, idle: undefined };
    entries.add(entry);
    hold(forgetWhenEnded(entry));
    if (closing.signal.aborted) retire(entry);
    else rest(entry);
  }

  async function startOne(): Promise<void> {
    try {
      await startEntry();
    } catch (cause) {
      failures++;
      calmUntil = now() + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
      if (!closing.signal.aborted) log.warn("Cannot start an instance", { error: cause });
      // Whoever waits for nothing else hears why; the others are served by what runs.
      if (starting === 0 && live().length === 0) refuseAll(cause);
      return;
    }
    failures = 0;
    serve();
  }

  async function forgetWhenEnded(entry: Entry): Promise<void> {
    const why = await entry.instance.ended;
    clearTimeout(entry.idle);
    entries.delete(entry);
    if (entry.retired) return;
    entry.retired = true;
    log.warn("An instance ended", { instance: entry.instance.number, why });
    serve();
  }

  function refuseAll(cause: unknown): void {
    for (const waiter of waiters) waiter.refuse(cause);
    waiters.clear();
  }

  function retire(entry: Entry): void {
    entry.retired = true;
    clearTimeout(entry.idle);
    if (entry.calls === 0) hold(entry.instance.stop());
  }

  /** An instance without a call is stopped after a while. */
  function rest(entry: Entry): void {
    clearTimeout(entry.idle);
    entry.idle = setTimeout(() => {
      log.info("Stopping an idle instance", { instance: entry.instance.number });
      retire(entry);
    }, settings.idleMs);
  }

  function take(entry: Entry): Lease {
    entry.calls++;
    clearTimeout(entry.idle);
    let open = true;
    return {
      instance: entry.instance,
      release(how) {
        if (!open) return;
        open = false;
        entry.calls--;
        if (how?.suspect === true) entry.retired = true;
        if (entry.retired) {
          if (entry.calls === 0 && entries.has(entry)) retire(entry);
        } else if (entry.calls === 0) rest(entry);
        serve();
      },
    };
  }

  const placesOf = ({ instance }: Entry) => Math.min(settings.callsPerInstance, instance.maxCalls);

  function freest(): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of entries)
      if (!entry.retired && entry.calls < placesOf(entry) && !(best && best.calls <= entry.calls))
        best = entry;
    return best;
  }

  /** Serves those who wait, and starts instances for those who cannot be served. */
  function serve(): void {
    for (const waiter of waiters) {
      const entry = freest();
      if (!entry) break;
      waiters.delete(waiter);
      waiter.grant(take(entry));
    }
    // Where nothing runs a start is always worth a try: its failure is the answer of those who wait.
    while (
      waiters.size > starting * settings.callsPerInstance &&
      mayStart() &&
      (live().length + starting === 0 || now() >= calmUntil)
    )
      hold(startOne());
  }

  function wait(signal: AbortSignal): Promise<Lease> {
    if (waiters.size >= settings.maxWaiting)
      return Promise.reject(
        new DaemonError("overloaded", `Cannot take the call: ${waiters.size} calls wait already`, {
          hint: "Try again later, or raise PLUGD_CONNECTOR_MAX_INSTANCES or PLUGD_CONNECTOR_QUEUE",
        }),
      );
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const leave = () => {
      waiters.delete(waiter);
      reject(signal.reason);
    };
    const waiter: Waiter = {
      grant(lease) {
        signal.removeEventListener("abort", leave);
        resolve(lease);
      },
      refuse(cause) {
        signal.removeEventListener("abort", leave);
        reject(cause);
      },
    };
    signal.addEventListener("abort", leave, { once: true });
    waiters.add(waiter);
    serve();
    return promise;
  }

  async function closeAll(drainMs: number): Promise<void> {
    closing.abort(stopped());
    refuseAll(stopped());
    for (const entry of entries) retire(entry);
    const drained = Promise.all([...entries].map(({ instance }) => instance.ended));
    if (!(await settlesWithin(drained, drainMs))) for (const entry of entries) hold(entry.instance.stop());
    while (work.size > 0) await Promise.all(work);
  }

  return {
    acquire(signal) {
      if (closing.signal.aborted) return Promise.reject(stopped());
      if (signal.aborted) return Promise.reject(signal.reason);
      const entry = freest();
      if (!entry || waiters.size > 0) return wait(signal);
      if (entry.calls > 0 && starting === 0 && mayStart() && now() >= calmUntil) hold(startOne());
      return Promise.resolve(take(entry));
    },
    async replaceAll() {
      if (closing.signal.aborted) throw stopped();
      const before = live();
      const start = startEntry();
      hold(start.then(serve, () => undefined));
      await start;
      for (const entry of before) if (!entry.retired) retire(entry);
    },
    get status() {
      const ready = live();
      return {
        starting,
        ready: ready.length,
        calls: [...entries].reduce((sum, { calls }) => sum + calls, 0),
        waiting: waiters.size,
      };
    },
    close({ drainMs }) {
      closed ??= closeAll(drainMs);
      return closed;
    },
  };
}

function stopped(): DaemonError {
  return new DaemonError("unavailable", "Cannot take the call: the function is being stopped");
}
