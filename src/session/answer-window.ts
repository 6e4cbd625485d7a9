/** One call's part of the window. */
export interface AnswerHold {
  /** So many more bytes are held; resolves when more may be read. */
  grow(bytes: number): Promise<void>;
  shrink(bytes: number): void;
  /** Gives everything back, and frees whoever waits in `grow`. */
  leave(): void;
}

/**
 * Bounds what is held of answers for one plugin that reads them slowly, or not at all: above the limit reading pauses,
 * and the platform with it. One call at a time goes on all the same, so that an answer of any size gets through.
 */
export interface AnswerWindow {
  enter(): AnswerHold;
  readonly heldBytes: number;
}

export function createAnswerWindow(limitBytes: number): AnswerWindow {
  let held = 0;
  let exempt: AnswerHold | undefined;
  let waiting: { readonly hold: AnswerHold; readonly wake: () => void }[] = [];

  function admit(): void {
    for (let next = waiting[0]; next && mayGoOn(next.hold); next = waiting[0]) {
      waiting.shift();
      next.wake();
    }
  }

  function mayGoOn(hold: AnswerHold): boolean {
    if (held <= limitBytes) return true;
    exempt ??= hold;
    return exempt === hold;
  }

  return {
    get heldBytes() {
      return held;
    },
    enter() {
      let own = 0;
      const hold: AnswerHold = {
        grow(bytes) {
          own += bytes;
          held += bytes;
          if (mayGoOn(hold)) return Promise.resolve();
          return new Promise((wake) => waiting.push({ hold, wake }));
        },
        shrink(bytes) {
          own -= bytes;
          held -= bytes;
          if (own === 0 && exempt === hold) exempt = undefined;
          admit();
        },
        leave() {
          for (const waiter of waiting) if (waiter.hold === hold) waiter.wake();
          waiting = waiting.filter((waiter) => waiter.hold !== hold);
          hold.shrink(own);
        },
      };
      return hold;
    },
  };
}
