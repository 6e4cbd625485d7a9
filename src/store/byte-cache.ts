/** Values by name, within a number of bytes. */
export interface ByteCache<T> {
  get(name: string): T | undefined;
  /** Keeps it if there is room, or if others make room that nobody has asked for in a while. */
  put(name: string, value: T, bytes: number): void;
  forget(name: string): void;
}

export interface ByteCacheOptions {
  readonly maxBytes: number;
  /** A value that nobody asked for since then gives way to new ones, in milliseconds. */
  readonly idleMs: number;
  readonly now: () => Date;
}

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
  readonly usedAt: number;
}

/**
 * What was put in stays while it is in use: whoever reads more than fits, in the same order again and again, finds as
 * much as fits. Giving way to the newest would make every one of these reads a miss.
 */
export function createByteCache<T>({ maxBytes, idleMs, now }: ByteCacheOptions): ByteCache<T> {
  /** The one that was used least lately first. */
  const entries = new Map<string, Entry<T>>();
  let total = 0;

  function forget(name: string): void {
    total -= entries.get(name)?.bytes ?? 0;
    entries.delete(name);
  }

  function makeRoom(bytes: number, idleSince: number): boolean {
    for (const [name, entry] of entries) {
      if (total + bytes <= maxBytes || entry.usedAt > idleSince) break;
      forget(name);
    }
    return total + bytes <= maxBytes;
  }

  return {
    get(name) {
      const entry = entries.get(name);
      if (!entry) return undefined;
      entries.delete(name);
      entries.set(name, { ...entry, usedAt: now().getTime() });
      return entry.value;
    },
    put(name, value, bytes) {
      forget(name);
      const usedAt = now().getTime();
      if (!makeRoom(bytes, usedAt - idleMs)) return;
      entries.set(name, { value, bytes, usedAt });
      total += bytes;
    },
    forget,
  };
}
