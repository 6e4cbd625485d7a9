/** Limits how many of a kind run at once; who waits is served by rank, then in order of arrival. */
export interface Slots {
  /** Resolves with a function that gives the slot back (idempotent). `rank` is asked when a slot gets free: higher first. */
  acquire(rank: () => number, signal: AbortSignal): Promise<() => void>;
  readonly waiting: number;
}

interface Waiter {
  readonly rank: () => number;
  readonly grant: () => void;
}

export function createSlots(limit: number): Slots {
  const waiters: Waiter[] = [];
  let used = 0;

  function serve(): void {
    while (used < limit && waiters.length > 0) {
      let best = 0;
      for (let i = 1; i < waiters.length; i++)
        if ((waiters[i]?.rank() ?? 0) > (waiters[best]?.rank() ?? 0)) best = i;
      const [chosen] = waiters.splice(best, 1);
      used++;
      chosen?.grant();
    }
  }

  function slot(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      used--;
      serve();
    };
  }

  return {
    get waiting() {
      return waiters.length;
    },
    acquire(rank, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<() => void>();
      const onAbort = () => {
        const at = waiters.indexOf(waiter);
        if (at >= 0) waiters.splice(at, 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        rank,
        grant() {
          signal.removeEventListener("abort", onAbort);
          resolve(slot());
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      waiters.push(waiter);
      serve();
      return promise;
    },
  };
}
