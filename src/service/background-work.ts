import type { Logger } from "../lib/logger.ts";
import { pause } from "../lib/pause.ts";

/**
 * The holder of all work that goes on after its request was answered: installations, clean-up, periodic sweeps.
 * A failure is logged under the name of the work; `close()` cancels what runs and waits for its end.
 */
export interface BackgroundWork {
  /** Aborts when `close()` is called. */
  readonly closing: AbortSignal;
  /** Starts it at once. After `close()` it still runs, with a signal that is aborted already, so that it can record its end. */
  start(name: string, work: (signal: AbortSignal) => Promise<void>): void;
  /** Runs it again and again with a pause of `everyMs` between two runs, until `close()`. */
  repeat(name: string, everyMs: number, work: (signal: AbortSignal) => Promise<void>): void;
  /** Resolves when nothing of `start` runs any more. */
  idle(): Promise<void>;
  /** Idempotent; resolves when all of it has ended. */
  close(): Promise<void>;
}

export function createBackgroundWork({ logger }: { readonly logger: Logger }): BackgroundWork {
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  const repeated = new Set<Promise<void>>();

  async function guarded(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(closing.signal);
    } catch (cause) {
      // Nobody waits for this work; its log line is the only place where the failure can show.
      logger.error(`Background work "${name}" failed`, { error: cause });
    }
  }

  async function settled(set: Set<Promise<void>>): Promise<void> {
    while (set.size > 0) await Promise.all(set);
  }

  function keep(set: Set<Promise<void>>, work: Promise<void>): void {
    const kept = work.finally(() => set.delete(kept));
    set.add(kept);
  }

  return {
    closing: closing.signal,
    start: (name, work) => keep(running, guarded(name, work)),
    repeat(name, everyMs, work) {
      keep(
        repeated,
        (async () => {
          while (await pause(everyMs, closing.signal)) await guarded(name, work);
        })(),
      );
    },
    idle: () => settled(running),
    async close() {
      closing.abort();
      await settled(running);
      await settled(repeated);
    },
  };
}
