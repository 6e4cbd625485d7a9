import { write, writeSync } from "node:fs";

/** Writes lines to a file descriptor in the background, in order. */
export interface LineWriter {
  write(line: string): void;
  /** Writes what is left, now. For the end of the process. */
  flushSync(): void;
}

/** Text that waits for a slow reader; more is lost and counted, for a log must never stop a daemon. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

/** Lines of this time are written together: a log line must not cost a system call. */
const BATCH_MS = 20;

export function createLineWriter(fd: number): LineWriter {
  let waiting = "";
  let lost = 0;
  let busy = false;

  function flush(): void {
    if (busy || waiting === "") return;
    busy = true;
    const bytes = Buffer.from(waiting);
    waiting = "";
    writeAll(bytes);
  }

  function writeAll(bytes: Uint8Array): void {
    write(fd, bytes, (error, written) => {
      if (error && "code" in error && error.code === "EAGAIN") {
        setTimeout(() => writeAll(bytes), 10);
        return;
      }
      // A closed pipe takes nothing any more; there is nobody left to tell.
      if (!error && written < bytes.length) {
        writeAll(bytes.subarray(written));
        return;
      }
      busy = false;
      if (lost > 0 && waiting.length < MAX_WAITING_CHARS / 2) {
        waiting += `${lost} lines of this log were lost: its reader was too slow\n`;
        lost = 0;
      }
      flush();
    });
  }

  return {
    write(line) {
      if (waiting.length > MAX_WAITING_CHARS) {
        lost++;
        return;
      }
      if (waiting === "" && !busy) setTimeout(flush, BATCH_MS);
      waiting += line;
    },
    flushSync() {
      try {
        if (waiting !== "") writeSync(fd, waiting);
      } catch {
        // The reader is gone or does not read; the process ends either way.
      }
      waiting = "";
    },
  };
}
