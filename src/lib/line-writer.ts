import { readFileSync, write, writeSync } from "node:fs";
import { hasCode } from "./system-error.ts";

/** Writes lines to a file descriptor in the background, in order. */
export interface LineWriter {
  /** Throws when too much waits for a slow reader: a log must neither stop a daemon nor fill its memory. */
  write(line: string): void;
  /** Writes what is left, now, as far as the reader takes it. For the end of the process. */
  flushSync(): void;
}

export interface LineWriterOptions {
  /** Text that may wait; beside it, as much again may be on its way. */
  readonly maxWaitingChars?: number;
}

/** Lines of this time are written together: a log line must not cost a system call. */
const BATCH_MS = 20;
const RETRY_MS = 10;
/** The end of the process waits this long for a reader that takes nothing. */
const LAST_MS = 500;

export function createLineWriter(fd: number, options: LineWriterOptions = {}): LineWriter {
  const { maxWaitingChars = 4 * 1024 * 1024 } = options;
  let waiting = "";
  /** Taken out of `waiting` and not written yet. */
  let rest: Uint8Array | undefined;
  /** Since when the system has `rest`; undefined between two tries. */
  let writingSince: number | undefined;
  const neverBlocks = isNonBlocking(fd);

  function flush(): void {
    if (rest || waiting === "") return;
    rest = Buffer.from(waiting);
    waiting = "";
    writeRest();
  }

  function writeRest(): void {
    if (!rest) return;
    if (neverBlocks) {
      try {
        settle(undefined, writeSync(fd, rest));
      } catch (cause) {
        settle(cause, 0);
      }
      return;
    }
    writingSince = performance.now();
    write(fd, rest, (error, written) => {
      writingSince = undefined;
      settle(error ?? undefined, written);
    });
  }

  function settle(error: unknown, written: number): void {
    if (hasCode(error, "EAGAIN")) {
      setTimeout(writeRest, RETRY_MS);
      return;
    }
    // A closed pipe takes nothing any more; there is nobody left to tell.
    rest = error !== undefined || !rest || written >= rest.length ? undefined : rest.subarray(written);
    if (rest) writeRest();
    else flush();
  }

  return {
    write(line) {
      if (waiting.length > maxWaitingChars) throw new Error("The reader of the log is too slow");
      if (waiting === "" && !rest) setTimeout(flush, BATCH_MS);
      waiting += line;
    },
    flushSync() {
      if (writingSince !== undefined) {
        // The system still has it: what follows would come first, or wait for a reader that does not read.
        if (performance.now() - writingSince > LAST_MS) return;
        Bun.sleepSync(RETRY_MS);
        rest = undefined;
      }
      const left = rest ? Buffer.concat([rest, Buffer.from(waiting)]) : Buffer.from(waiting);
      rest = undefined;
      waiting = "";
      writeNow(fd, left);
    },
  };
}

function writeNow(fd: number, bytes: Uint8Array): void {
  const giveUp = performance.now() + LAST_MS;
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(fd, bytes, at);
    } catch (cause) {
      // The reader is gone, or does not read; the process ends either way.
      if (!hasCode(cause, "EAGAIN") || performance.now() > giveUp) return;
      Bun.sleepSync(RETRY_MS);
    }
}

/**
 * Such a descriptor takes what it has room for, and says so at once: nothing is ever in the hands of the system when
 * the process ends, half written. Others may hold a writer up, and are written to in the background.
 */
function isNonBlocking(fd: number): boolean {
  try {
    const [, flags = "0"] =
      /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
    return (parseInt(flags, 8) & 0o4000) !== 0;
  } catch {
    // Not Linux, or no such descriptor.
    return false;
  }
}
