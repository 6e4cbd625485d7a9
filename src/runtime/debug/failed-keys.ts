/** Counts keys that were wrong, per address: who tries too many is not listened to for a while. */
export interface FailedKeys {
  /** Whether an address has spent its attempts; also a right key does not help then. */
  isLimited(address: string): boolean;
  note(address: string): void;
}

export interface FailedKeysOptions {
  /** In a minute; 0 means no limit. */
  readonly maxPerMinute: number;
  /** A clock that never jumps, in milliseconds. */
  readonly now: () => number;
}

const WINDOW_MS = 60_000;
/** Beyond it the addresses whose minute is over are forgotten, and if there are none, all of them. */
const MAX_ADDRESSES = 10_000;

export function createFailedKeys({ maxPerMinute, now }: FailedKeysOptions): FailedKeys {
  const windows = new Map<string, { readonly since: number; count: number }>();

  function current(address: string): { readonly since: number; count: number } | undefined {
    const window = windows.get(address);
    return window && now() - window.since < WINDOW_MS ? window : undefined;
  }

  function makeRoom(): void {
    for (const address of windows.keys()) if (!current(address)) windows.delete(address);
    if (windows.size >= MAX_ADDRESSES) windows.clear();
  }

  return {
    isLimited: (address) => maxPerMinute > 0 && (current(address)?.count ?? 0) >= maxPerMinute,
    note(address) {
      const window = current(address);
      if (window) window.count++;
      else {
        if (windows.size >= MAX_ADDRESSES) makeRoom();
        windows.set(address, { since: now(), count: 1 });
      }
    },
  };
}
