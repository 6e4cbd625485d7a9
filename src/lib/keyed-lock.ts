/** Runs work one at a time per key; different keys do not wait for each other. */
export interface KeyedLock {
  /**
   * Runs `work` when everything that came before it for `key` is over, however that ended; settles as `work` does.
   *
   * An abort of `signal` ends the wait only: it rejects with the signal's reason and `work` never runs. Work that
   * runs is not interrupted; give it the signal too. Not re-entrant: work that asks for its own key waits forever.
   */
  run<T>(key: string, work: () => Promise<T>, options?: { readonly signal?: AbortSignal }): Promise<T>;
  /** Keys that something runs or waits for; nothing is kept for others. */
  readonly size: number;
}

export function createKeyedLock(): KeyedLock {
  /** Per key, the end of the last that came. */
  const tails = new Map<string, Promise<void>>();

  return {
    get size() {
      return tails.size;
    },
    async run(key, work, options = {}) {
      const before = tails.get(key);
      const { promise: over, resolve: leave } = Promise.withResolvers<void>();
      tails.set(key, over);
      const free = () => {
        leave();
        if (tails.get(key) === over) tails.delete(key);
      };
      try {
        if (before) await settledOrAborted(before, options.signal);
        options.signal?.throwIfAborted();
      } catch (error) {
        // Whoever came after still has to wait for what came before.
        if (before) void before.then(free);
        else free();
        throw error;
      }
      try {
        return await work();
      } finally {
        free();
      }
    },
  };
}

async function settledOrAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return wait;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([wait, aborted.promise]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
