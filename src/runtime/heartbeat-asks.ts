/** Asks a plugin for signs of life and counts those that do not come. Times in milliseconds. */
export interface HeartbeatAsks {
  /** An answer came. */
  answered(): void;
  /** False from a missed answer until one in time. */
  readonly healthy: boolean;
  close(): void;
}

export interface HeartbeatAsksOptions {
  readonly everyMs: number;
  /** An answer after this long is none (contract/plain-protocol 3). */
  readonly withinMs: number;
  /** Never rejects. */
  readonly ask: () => Promise<void>;
  /** Answers cannot be heard now, because nobody reads them. */
  readonly isDeaf: () => boolean;
  readonly onMissed: () => void;
  /** Two in a row were missed. */
  readonly onDead: () => void;
  /** A clock that never jumps. */
  readonly now: () => number;
}

/** A timer that fires so much late tells of a pause of this process, in which no answer could be read. */
const LATE_MS = 1000;
const MISSES = 2;

/**
 * The first question is asked at once and may take as long as a start does; the next ones follow in steps from its
 * answer. While this process or its reading stands still nothing is counted.
 */
export function createHeartbeatAsks(options: HeartbeatAsksOptions): HeartbeatAsks {
  const { everyMs, withinMs, now } = options;
  let missed = 0;
  let begun = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting = false;

  function after(ms: number, act: () => void): void {
    const due = now() + ms;
    clearTimeout(timer);
    timer = setTimeout(() => {
      // What came in while we stood still is read before the next timer.
      if (now() - due > LATE_MS || options.isDeaf()) after(ms, act);
      else act();
    }, ms);
  }

  function ask(): void {
    waiting = true;
    void options.ask();
    after(withinMs, miss);
  }

  function miss(): void {
    waiting = false;
    missed++;
    if (missed >= MISSES) {
      options.onDead();
      return;
    }
    options.onMissed();
    after(Math.max(0, everyMs - withinMs), ask);
  }

  void options.ask();
  return {
    get healthy() {
      return missed === 0;
    },
    answered() {
      if (closed) return;
      if (begun && !waiting) return;
      begun = true;
      waiting = false;
      missed = 0;
      after(everyMs, ask);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
