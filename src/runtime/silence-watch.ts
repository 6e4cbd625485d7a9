/** Tells how long a plugin has given no sign of life. Times in milliseconds. */
export interface SilenceWatch {
  sign(): void;
  /** To be called every `checkMs`: the silence so far. */
  check(): number;
}

export interface SilenceWatchOptions {
  readonly checkMs: number;
  /** A clock that never jumps. */
  readonly now: () => number;
}

/**
 * Counts only while this process itself is awake. After a pause of a container, a suspended machine or a debugger the
 * plugin's signs lie unread in its pipe, or it slept as well, and every plugin would be taken for dead at once.
 */
export function createSilenceWatch({ checkMs, now }: SilenceWatchOptions): SilenceWatch {
  let lastSign = now();
  let lastCheck = lastSign;
  return {
    sign() {
      lastSign = now();
    },
    check() {
      const at = now();
      if (at - lastCheck > 2 * checkMs) lastSign = at;
      lastCheck = at;
      return at - lastSign;
    },
  };
}
