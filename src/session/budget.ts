/** What counts against a budget: one session's answers that its client has not taken yet. */
export interface BudgetHolder {
  /** Characters queued or being written to the client. */
  readonly heldBytes: number;
  /** Its plugin has not ended it yet, so a pause of the reading is felt. */
  readonly open: boolean;
  /** Ends the session because its share is needed by others; must free what it holds. */
  evict(): void;
}

export interface BudgetOptions {
  /** Undelivered answers that all sessions of one plugin may hold together. */
  readonly limitBytes: number;
  /** How long a spent budget may stall the others before the slowest session is ended. */
  readonly stallMs: number;
  /** The sessions that are open now, or have ended and were not taken to their end. */
  readonly holders: () => Iterable<BudgetHolder>;
}

/**
 * Back-pressure of one plugin.
 *
 * Reading goes on while the budget lasts, so a slow client never stalls another session. When it is spent, reading
 * pauses: a lone slow client then slows its plugin down, as a pipe would. If others are waiting behind it, the session
 * that holds most is ended after `stallMs`.
 */
export interface Budget {
  add(bytes: number): void;
  release(bytes: number): void;
  /** True when reading must pause; await `room` then. */
  readonly spent: boolean;
  /** Reading is paused now: silence of the plugin means nothing. */
  readonly paused: boolean;
  /** Resolves when there is room again, or after `close`. */
  room(): Promise<void>;
  close(): void;
}

export function createBudget(options: BudgetOptions): Budget {
  const { limitBytes, stallMs, holders } = options;
  let held = 0;
  let waiter: PromiseWithResolvers<void> | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let closed = false;

  function wake(): void {
    clearInterval(timer);
    timer = undefined;
    waiter?.resolve();
    waiter = undefined;
  }

  function evictSlowest(): void {
    const all = [...holders()];
    const slowest = all.reduce<BudgetHolder | undefined>(
      (most, holder) => (most && most.heldBytes >= holder.heldBytes ? most : holder),
      undefined,
    );
    // Where it hurts nobody its plugin simply waits.
    if (slowest && slowest.heldBytes > 0 && all.some((holder) => holder !== slowest && holder.open))
      slowest.evict();
  }

  return {
    add(bytes) {
      held += bytes;
    },
    release(bytes) {
      held -= bytes;
      if (waiter && held <= limitBytes) wake();
    },
    get spent() {
      return held > limitBytes && !closed;
    },
    get paused() {
      return waiter !== undefined;
    },
    room() {
      if (held <= limitBytes || closed) return Promise.resolve();
      waiter ??= Promise.withResolvers<void>();
      timer ??= setInterval(evictSlowest, stallMs);
      return waiter.promise;
    },
    close() {
      closed = true;
      wake();
    },
  };
}
