import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { describeError } from "./describe-error.ts";

export interface LogFile {
  /** Appends at once. Throws when the disk refuses, or after `close`. */
  write(line: string): void;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a file to append log records to. It gets mode 0600, and folders that are missing 0700 (lifecycle.md 9.1).
 *
 * @throws {Error} when the file cannot be opened
 */
export function openLogFile(path: string): LogFile {
  let fd: number | undefined = open(path);
  return {
    write(line) {
      if (fd === undefined) throw new Error(`Cannot write to the log file "${path}": it is closed`);
      let rest = Buffer.from(line);
      while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function open(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, "a", 0o600);
  } catch (cause) {
    throw new Error(`Cannot open the log file "${path}": ${describeError(cause)}`, { cause });
  }
}
