import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { SQLiteError } from "bun:sqlite";
import { DaemonError } from "../protocol/daemon-error.ts";

interface Explanation {
  readonly reason: string;
  readonly hint?: string;
}

/** Below this a disk counts as full where SQLite only says that I/O failed. */
const FULL_BELOW_BYTES = 64 * 1024;

/**
 * An error of SQLite in words for an operator: which file, what is wrong with it, what to do. Other errors are
 * answered as they are.
 */
export function explainDatabaseError(
  error: unknown,
  context: { readonly code: "startup" | "internal"; readonly action: string; readonly path: string },
): unknown {
  if (!(error instanceof SQLiteError)) return error;
  const { reason, hint } = explain(error, context.path);
  return new DaemonError(context.code, `Cannot ${context.action} "${context.path}": ${reason}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function explain(error: SQLiteError, path: string): Explanation {
  const code = error.code ?? "";
  if (code === "SQLITE_FULL" || (isWriteFailure(code) && isDiskFull(path)))
    return {
      reason: "no space is left on its disk",
      hint: `Free some space on the disk that holds "${dirname(path)}" and try again; nothing was half-written`,
    };
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
    return {
      reason: "another process is writing to it",
      hint: "End whatever else has the file open for writing, such as a database shell or a backup, and try again",
    };
  if (
    code.startsWith("SQLITE_READONLY") ||
    code === "SQLITE_PERM" ||
    (code.startsWith("SQLITE_CANTOPEN") && isForbidden(path))
  )
    return {
      reason: "it may not be written",
      hint: `Give the user that runs plugd write access to "${dirname(path)}" and all files in it`,
    };
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) return damaged(path, error.message);
  if (code.startsWith("SQLITE_CANTOPEN"))
    return {
      reason: "it cannot be opened",
      hint: `It must be a file, in a folder that exists and that the user who runs plugd may write to`,
    };
  if (code.startsWith("SQLITE_IOERR"))
    return {
      reason: `reading or writing failed (${code})`,
      hint: "Look for errors of that disk in the kernel's log",
    };
  return { reason: error.message };
}

/** What is said of a file that SQLite cannot make sense of. */
export function damaged(path: string, detail: string): Explanation & { readonly hint: string } {
  return {
    reason: `it is damaged or no database (${detail})`,
    hint: `Put a backup in its place; or move it away together with "${path}-wal" and "${path}-shm", start with an empty one and install the plugins again`,
  };
}

function isWriteFailure(code: string): boolean {
  return code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_CANTOPEN");
}

function isDiskFull(path: string): boolean {
  try {
    const disk = statfsSync(dirname(path));
    return disk.bavail * disk.bsize < FULL_BELOW_BYTES;
  } catch {
    // No such folder: then it is not the space that lacks.
    return false;
  }
}

/** It or its folder is there, but not for writing; SQLite calls both "unable to open". */
function isForbidden(path: string): boolean {
  try {
    for (const each of [dirname(path), path]) if (existsSync(each)) accessSync(each, constants.W_OK);
    return false;
  } catch {
    return true;
  }
}
