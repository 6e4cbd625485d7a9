/** Counts what is taken under a name, up to a limit. */
export interface Counted {
  /** Answers how to give it back (more than once does nothing), or undefined when no more is to be had. */
  take(name: string): (() => void) | undefined;
}

export function createCounted(limit: number): Counted {
  const counts = new Map<string, number>();
  return {
    take(name) {
      const count = counts.get(name) ?? 0;
      if (count >= limit) return undefined;
      counts.set(name, count + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        const left = (counts.get(name) ?? 1) - 1;
        if (left > 0) counts.set(name, left);
        else counts.delete(name);
      };
    },
  };
}
