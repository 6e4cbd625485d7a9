import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { Database as Sqlite, SQLiteError } from "bun:sqlite";
import { errorMessage } from "../lib/describe-error.ts";
import { errorCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

/** The folder that holds everything of one daemon, locked for this one. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** Where the database belongs, for `openStore`. */
  readonly databasePath: string;
  /** Gives the folder free for another daemon. Close the store first. Idempotent. */
  close(): Promise<void>;
}

interface Place {
  readonly folder: string;
  /** The variable that an operator is told to change. */
  readonly variable: string;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/**
 * Makes the folder if need be (0700) and takes its lock.
 *
 * Throws `startup` where the path is a file, may not be written, has no space left, or another daemon holds it; the
 * last names that one's process id. The lock goes with the process, however it ends, and is not inherited by
 * children, so nothing stale can stand in the way.
 */
export async function openDataFolder(
  path: string,
  { variable = "PLUGD_DATA_DIR" }: { readonly variable?: string } = {},
): Promise<DataFolder> {
  const folder = resolve(path);
  const place: Place = { folder, variable };
  const pidPath = join(folder, "plugd.pid");
  try {
    makeWritableFolder(folder);
  } catch (error) {
    throw explainFolderError(error, place);
  }
  const unlock = lock(join(folder, "plugd.lock"), { place, pidPath });
  try {
    writeFileSync(pidPath, `${process.pid}\n${hostname()}\n`, { mode: 0o600 });
  } catch (error) {
    unlock();
    throw explainFolderError(error, place);
  }
  let open = true;
  function release(): void {
    if (!open) return;
    open = false;
    rmSync(pidPath, { force: true });
    unlock();
  }
  // For a process that ends without closing. It also keeps the lock from being collected as garbage when the caller
  // drops the folder.
  process.once("exit", release);
  return {
    path: folder,
    databasePath: join(folder, "plugd.db"),
    async close() {
      process.off("exit", release);
      release();
    },
  };
}

function makeWritableFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!statSync(folder).isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
  accessSync(folder, constants.W_OK | constants.X_OK);
}

/**
 * The lock is SQLite's own on a database that stays empty: the kernel drops it with the process, it works the same on
 * all systems, and also between two connections of one process. No other code may open that file: closing any handle
 * to it would drop the lock.
 */
function lock(path: string, { place, pidPath }: { readonly place: Place; readonly pidPath: string }) {
  let sqlite: Sqlite | undefined;
  try {
    sqlite = new Sqlite(path, { create: true, readwrite: true });
    // There is nothing to roll back, so there need be no journal either.
    sqlite.run("PRAGMA journal_mode = OFF");
    sqlite.run("BEGIN EXCLUSIVE");
  } catch (error) {
    sqlite?.close();
    if (!(error instanceof SQLiteError)) throw error;
    if (error.code?.startsWith("SQLITE_BUSY")) throw heldError(place, readHolder(pidPath));
    if (error.code === "SQLITE_FULL") throw explainFolderError(error, place);
    throw new DaemonError("startup", `Cannot lock data folder "${place.folder}": ${error.message}`, {
      cause: error,
      hint: `Delete "${path}" and try again; it holds no data`,
    });
  }
  const connection = sqlite;
  return () => connection.close(true);
}

function heldError({ folder, variable }: Place, holder: Holder | undefined): DaemonError {
  if (holder?.pid === process.pid && holder.host === hostname())
    return new DaemonError("startup", `Cannot use data folder "${folder}": this process uses it already`, {
      hint: "Give each daemon a data folder of its own",
    });
  const who = !holder
    ? "another process"
    : holder.host === hostname()
      ? `the plugd with process id ${holder.pid}`
      : `the plugd with process id ${holder.pid} on host "${holder.host}"`;
  return new DaemonError("startup", `Cannot use data folder "${folder}": ${who} uses it already`, {
    hint: `Stop that one first${holder ? ` (kill ${holder.pid})` : ""}, or set ${variable} to another folder`,
  });
}

/** Undefined where the file does not tell: the other one is just starting, or somebody has removed it. */
function readHolder(pidPath: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(pidPath, "utf8");
  } catch {
    return undefined;
  }
  const [pid = "", host = ""] = text.split("\n");
  if (!/^[1-9][0-9]{0,9}$/.test(pid)) return undefined;
  return host !== hostname() || isAlive(Number(pid)) ? { pid: Number(pid), host } : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but belongs to somebody else.
    return errorCode(error) === "EPERM";
  }
}

function explainFolderError(error: unknown, { folder, variable }: Place): DaemonError {
  const options = (hint: string) => ({ cause: error, hint });
  const subject = `Cannot use data folder "${folder}"`;
  switch (errorCode(error)) {
    case "EEXIST":
    case "ENOTDIR":
      return new DaemonError(
        "startup",
        `${subject}: it, or a part of its path, is a file`,
        options(`Set ${variable} to a folder, or to a path where one can be made`),
      );
    case "EROFS":
      return new DaemonError(
        "startup",
        `${subject}: its file system is read-only`,
        options(`Mount it for writing, or set ${variable} to a folder that may be written`),
      );
    case "EACCES":
    case "EPERM":
      return new DaemonError(
        "startup",
        `${subject}: it may not be written by user ${process.getuid?.() ?? "of this process"}`,
        options(`Give that user the folder (chown), or set ${variable} to another one`),
      );
    case "ENOSPC":
    case "EDQUOT":
    case "SQLITE_FULL":
      return new DaemonError(
        "startup",
        `${subject}: no space is left on its disk`,
        options(`Free some space on that disk, or set ${variable} to a folder on another one`),
      );
    default:
      return new DaemonError("startup", `${subject}: ${errorMessage(error)}`, { cause: error });
  }
}
