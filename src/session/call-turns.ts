/** One call's place. */
export interface CallTurn {
  /** Resolves when it may begin, or has left. */
  take(): Promise<void>;
  leave(): void;
}

/**
 * How many calls of a plugin may be under way at once. An answer that is not read costs memory below us (the engine
 * reads ahead, about half a megabyte each), so only a plugin that takes its answers gets to make more calls at a time.
 */
export interface CallTurns {
  enter(): CallTurn;
  /** The plugin has taken an answer. */
  earn(): void;
  /** The plugin has left answers unread; it begins anew. */
  distrust(): void;
}

export interface CallTurnsOptions {
  /** For a plugin that has taken no answer yet. */
  readonly atFirst: number;
  readonly atMost: number;
}

export function createCallTurns({ atFirst, atMost }: CallTurnsOptions): CallTurns {
  let allowed = atFirst;
  let used = 0;
  /** In order of arrival. */
  const waiting = new Set<() => void>();

  function admit(): void {
    for (const begin of waiting) {
      if (used >= allowed) return;
      begin();
    }
  }

  function enter(): CallTurn {
    let taken = false;
    let left = false;
    let begin: (() => void) | undefined;
    return {
      take() {
        if (left || taken) return Promise.resolve();
        return new Promise((resolve) => {
          begin = () => {
            if (begin) waiting.delete(begin);
            taken = !left;
            if (taken) used++;
            resolve();
          };
          if (used < allowed) begin();
          else waiting.add(begin);
        });
      },
      leave() {
        if (left) return;
        left = true;
        if (taken) used--;
        else begin?.();
        admit();
      },
    };
  }

  return {
    enter,
    earn() {
      if (allowed === atMost) return;
      allowed++;
      admit();
    },
    distrust() {
      allowed = atFirst;
    },
  };
}
