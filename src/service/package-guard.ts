import { createKeyedLock } from "../lib/keyed-lock.ts";

/**
 * Keeps those apart who store, start, stop and remove the same package.
 *
 * Who needs a package (an installation, an upgrade) holds it and then passes its lock once: a removal that was
 * under way is over by then, and every later one sees the hold and leaves the package alone.
 */
export interface PackageGuard {
  /** Nobody stops or removes the package meanwhile. Answers what releases it; that may be called more than once. */
  hold(identifier: string): () => void;
  isHeld(identifier: string): boolean;
  /**
   * Runs `work` alone among all that name one of these keys: an identifier for the stored package, an asset id for
   * an asset, `processOf(identifier)` for the process. Not re-entrant.
   */
  alone<T>(keys: Iterable<string>, work: () => Promise<T>): Promise<T>;
}

/** Key for the process of a plugin, whose stop may take minutes and must not block what only reads the package. */
export function processOf(identifier: string): string {
  return `process ${identifier}`;
}

export function createPackageGuard(): PackageGuard {
  const lock = createKeyedLock();
  const holders = new Map<string, number>();

  return {
    hold(identifier) {
      holders.set(identifier, (holders.get(identifier) ?? 0) + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        const left = (holders.get(identifier) ?? 1) - 1;
        if (left > 0) holders.set(identifier, left);
        else holders.delete(identifier);
      };
    },
    isHeld: (identifier) => holders.has(identifier),
    alone(keys, work) {
      // Everybody takes locks in the same order, so two with common keys cannot wait for each other.
      const nested = [...new Set(keys)]
        .sort()
        .reverse()
        .reduce((inner, key) => () => lock.run(key, inner), work);
      return nested();
    },
  };
}
