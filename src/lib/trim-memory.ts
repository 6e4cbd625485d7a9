import { dlopen, FFIType } from "bun:ffi";
import { readFileSync } from "node:fs";

/** Linux's number for "not needed now". */
const MADV_DONTNEED = 4;
const LIBC = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** A mapping of this process. */
export interface Mapping {
  readonly address: bigint;
  readonly bytes: bigint;
}

/**
 * Gives back what only the start needed: garbage, and the pages of the program's own code. Code is read-only and comes
 * from its file, so a page that is wanted again is read again, from the system's cache in most cases; nothing can be
 * lost. Halves what an idle daemon holds. Does nothing where the system is another or refuses.
 */
export function trimMemory(executable: string): void {
  Bun.gc(true);
  if (process.platform !== "linux") return;
  try {
    const code = codeMappings(readFileSync("/proc/self/maps", "latin1"), executable);
    const libc = openLibc();
    for (const { address, bytes } of code) libc?.symbols.madvise(address, bytes, MADV_DONTNEED);
    libc?.close();
  } catch {
    // A system without /proc, or one that forbids it, only keeps its pages.
  }
}

/** The read-only code of a file, out of the text of `/proc/PID/maps`. */
export function codeMappings(maps: string, file: string): Mapping[] {
  return maps.split("\n").flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+\s+(.*)$/.exec(line);
    if (!match || match[3] !== file) return [];
    const address = BigInt(`0x${match[1]}`);
    return [{ address, bytes: BigInt(`0x${match[2]}`) - address }];
  });
}

function openLibc() {
  for (const name of LIBC)
    try {
      return dlopen(name, {
        madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
      });
    } catch {
      // Another libc.
    }
  return undefined;
}
