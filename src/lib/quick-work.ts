/** Does work in this thread as long as that is quick. */
export interface QuickWork {
  /** `atOnce`, or `elsewhere` for a while after some that took their time. Both do the same. */
  run<T>(work: { readonly atOnce: () => T; readonly elsewhere: () => Promise<T> }): T | Promise<T>;
}

export interface QuickWorkOptions {
  /** On average; what takes longer holds up everything else in this thread for too long. */
  readonly limitMs: number;
  /** Then nothing is done here for as long as this. */
  readonly pauseMs: number;
  /** Default: `performance.now`. */
  readonly now?: () => number;
}

/** The last ones count this much together; one alone may have waited for the processor. */
const REMEMBERED = 16;

/**
 * A small file that the system has in memory is read within the time that handing the work to another thread takes; on
 * a disk that is slow, or far away, the thread must not wait for it.
 */
export function createQuickWork(options: QuickWorkOptions): QuickWork {
  const { limitMs, pauseMs, now = () => performance.now() } = options;
  let slowUntil = Number.NEGATIVE_INFINITY;
  let averageMs = 0;
  return {
    run({ atOnce, elsewhere }) {
      const began = now();
      if (began < slowUntil) return elsewhere();
      try {
        return atOnce();
      } finally {
        const ended = now();
        averageMs += (ended - began - averageMs) / REMEMBERED;
        if (averageMs > limitMs) {
          slowUntil = ended + pauseMs;
          averageMs = 0;
        }
      }
    },
  };
}
