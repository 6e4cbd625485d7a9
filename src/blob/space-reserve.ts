import { rmSync, writeFileSync } from "node:fs";

/** Space on a disk, kept back for what makes room there when nothing is left. */
export interface SpaceReserve {
  /** Lets go of it. Answers whether there was any. */
  spend(): boolean;
  /** Takes it again, once the disk has it. */
  refill(): void;
}

/** The reserve is a file of its own, made when absent. Never throws: a disk that is full already has none. */
export function openSpaceReserve({
  path,
  bytes,
}: {
  readonly path: string;
  readonly bytes: number;
}): SpaceReserve {
  let kept = false;

  function remove(): boolean {
    try {
      rmSync(path, { force: true });
      return true;
    } catch {
      // A disk that lets nothing be removed gives nothing back.
      return false;
    }
  }

  function refill(): void {
    if (kept) return;
    try {
      // Some file systems keep no space for zeros.
      writeFileSync(path, crypto.getRandomValues(new Uint8Array(bytes)), { mode: 0o600 });
      kept = true;
    } catch {
      remove();
    }
  }

  refill();
  return {
    spend() {
      if (!kept) return false;
      kept = false;
      return remove();
    },
    refill,
  };
}
