import type { Database as Sqlite, Statement } from "bun:sqlite";
import { DaemonError } from "../protocol/daemon-error.ts";
import { explainDatabaseError } from "./database-error.ts";

/** Named parameters, without their prefix. */
export type Bindings = Readonly<Record<string, string | number | Uint8Array | null>>;

/** Refuses asynchronous work: a transaction would be committed at its first `await`. */
type Synchronous<T> = T extends PromiseLike<unknown> ? never : unknown;

/** `full`: it survives a power cut; `normal`: only the end of the process, which is ten times as fast. */
export type CommitMode = "full" | "normal";

export interface WriteOptions {
  /** For this transaction, in place of what the connection was opened with. */
  readonly mode?: CommitMode;
}

/**
 * The one connection of the process to its database.
 *
 * Work is synchronous and never waits for anything, so each piece of it is alone with the database. Errors of SQLite
 * come out as `DaemonError`s that name the file.
 */
export interface Database {
  /** Prepares a statement for the life of the connection. `Row` is trusted: STRICT tables hold what we wrote. */
  prepare<Row, Params extends Bindings = Bindings>(sql: string): Statement<Row, [Params]>;
  /** Reads without changing anything. */
  read<T>(work: () => T & Synchronous<T>): Promise<T>;
  /** One immediate transaction: everything that `work` does, or nothing when it throws. */
  write<T>(work: () => T & Synchronous<T>, options?: WriteOptions): Promise<T>;
  /** Idempotent. Folds the write-ahead log into the file. */
  close(): void;
}

/** Wraps an open, migrated connection; from here on nobody else may use it. */
export function createDatabase(sqlite: Sqlite, path: string): Database {
  const begin = sqlite.prepare("BEGIN IMMEDIATE");
  const commit = sqlite.prepare("COMMIT");
  const openedWith = commitMode(sqlite);
  let open = true;

  function guard<T>(action: string, work: () => T): T {
    if (!open) throw new DaemonError("internal", `Cannot ${action} "${path}": it is closed`);
    try {
      return work();
    } catch (error) {
      throw explainDatabaseError(error, { code: "internal", action, path });
    }
  }

  function transact<T>(work: () => T): T {
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      // SQLite rolls back by itself on some errors, such as a full disk.
      if (sqlite.inTransaction) sqlite.run("ROLLBACK");
      throw error;
    }
  }

  return {
    prepare: (sql) => sqlite.prepare(sql),
    read: async (work) => guard("read", work),
    write: async (work, { mode = openedWith } = {}) =>
      guard("write", () => {
        if (mode === openedWith) return transact(work);
        setCommitMode(sqlite, mode);
        try {
          return transact(work);
        } finally {
          setCommitMode(sqlite, openedWith);
        }
      }),
    close() {
      if (!open) return;
      open = false;
      sqlite.close(true);
    },
  };
}

function commitMode(sqlite: Sqlite): CommitMode {
  const row = sqlite.prepare<{ synchronous: number }, []>("PRAGMA synchronous").get();
  return row?.synchronous === 1 ? "normal" : "full";
}

function setCommitMode(sqlite: Sqlite, mode: CommitMode): void {
  sqlite.run(mode === "full" ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}
