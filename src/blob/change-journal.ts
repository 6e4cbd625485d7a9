import { closeSync, fdatasync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { syncFolder } from "../lib/atomic-file.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { decodeChanges, encodeChange } from "./change-record.ts";
import { hasCode } from "../lib/system-error.ts";
import { explained, fileFailure } from "./file-failure.ts";
import type { SpaceReserve } from "./space-reserve.ts";
import type { ValueChange } from "./value-store.ts";

/** Where a change is kept until it is not needed there any more. */
export interface JournalEntry {
  /** To be called once, when the change is in its file, or a later one has taken its place. */
  release(): void;
}

/**
 * Changes of values, written one after the other to files of their own, so that they survive before they reach the
 * files where they belong. A file goes when all in it, and in those before it, was released: nothing old can come back.
 */
export interface ChangeJournal {
  /** What an earlier process left, the oldest first. */
  readonly left: readonly { readonly change: ValueChange; readonly entry: JournalEntry }[];
  /** Bytes since the last `rotate`. */
  readonly size: number;
  /** Resolves when the change is safe. What is rejected may yet be found by the next process. */
  append(change: ValueChange): Promise<JournalEntry>;
  /** What comes from now on goes to another file. */
  rotate(): void;
  /** Keeps what was not released. Idempotent. */
  close(): Promise<void>;
}

export interface ChangeJournalOptions {
  /** Ours alone; made when absent. */
  readonly folder: string;
  /** As in `createDiskValueStore`. */
  readonly durability: "process" | "power";
  /** On the same disk, for deletions that a full one has no room for: without them it would stay full. */
  readonly reserve?: SpaceReserve | undefined;
}

interface JournalFile {
  readonly path: string;
  /** Changes that were not released. */
  live: number;
}

/** The one of this process that is written to, or was. */
interface OpenFile extends JournalFile {
  readonly fd: number;
  bytes: number;
  /** Whether its name survives a power cut. */
  readonly made: Promise<void>;
  /** A sync that runs, and the one after it, for what is written meanwhile. */
  running: Promise<void>;
  waiting: Promise<void> | undefined;
}

const NAME = /^journal-(\d+)$/;
const syncData = promisify(fdatasync);

/** Failures of the file system are `internal` and name the file. */
export async function openChangeJournal(options: ChangeJournalOptions): Promise<ChangeJournal> {
  const { folder, reserve } = options;
  const lasting = options.durability === "power";
  await explained("make", folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  const numbers = await explained("list", folder, async () =>
    (await readdir(folder)).flatMap((name) => NAME.exec(name)?.slice(1).map(Number) ?? []),
  );
  /** The oldest first. */
  const files: (JournalFile | OpenFile)[] = [];
  const left: { readonly change: ValueChange; readonly entry: JournalEntry }[] = [];
  let current: OpenFile | undefined;
  let next = Math.max(0, ...numbers) + 1;
  let closed = false;

  function entryIn(file: JournalFile): JournalEntry {
    file.live++;
    return {
      release() {
        file.live--;
        prune();
      },
    };
  }

  function prune(): void {
    for (let file = files[0]; file && file.live === 0 && file !== current; file = files[0]) {
      try {
        unlinkSync(file.path);
      } catch {
        // It is tried again; until then it and those after it stay, which are only done once more after a restart.
        return;
      }
      files.shift();
      if ("fd" in file) closeSync(file.fd);
    }
  }

  function create(): OpenFile {
    const path = join(folder, `journal-${next++}`);
    try {
      const done = Promise.resolve();
      const file: OpenFile = {
        path,
        // What is written always follows what is there, also after a failure was cut off.
        fd: openSync(path, "ax", 0o600),
        bytes: 0,
        live: 0,
        made: lasting ? syncFolder(folder) : done,
        running: done,
        waiting: undefined,
      };
      files.push(file);
      return file;
    } catch (error) {
      throw fileFailure(error, { action: "make", path });
    }
  }

  /** All of it or nothing: what follows half a record could never be read. */
  function write(file: OpenFile, record: Uint8Array): void {
    const { fd, path, bytes } = file;
    try {
      for (let at = 0; at < record.length;) at += writeSync(fd, record, at);
      file.bytes += record.length;
    } catch (error) {
      try {
        ftruncateSync(fd, bytes);
      } catch {
        // Then nothing may follow here.
        current = undefined;
      }
      throw fileFailure(error, { action: "write", path });
    }
  }

  function writeDeletion(file: OpenFile, record: Uint8Array): void {
    try {
      write(file, record);
    } catch (error) {
      const isFull = error instanceof DaemonError && hasCode(error.cause, "ENOSPC", "EDQUOT");
      if (!isFull || current !== file || !reserve?.spend()) throw error;
      write(file, record);
    }
  }

  /** All that was written before a sync begins has it in common. */
  async function sync(file: OpenFile): Promise<void> {
    const { fd, path } = file;
    file.waiting ??= file.running.then(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      file.running = promise;
      file.waiting = undefined;
      return syncData(fd).finally(resolve);
    });
    await explained("write", path, () => Promise.all([file.made, file.waiting]));
  }

  for (const number of numbers.toSorted((a, b) => a - b)) {
    const file: JournalFile = { path: join(folder, `journal-${number}`), live: 0 };
    files.push(file);
    const bytes = await explained("read", file.path, () => readFile(file.path));
    for (const change of decodeChanges(bytes)) left.push({ change, entry: entryIn(file) });
  }
  prune();

  return {
    left,
    get size() {
      return current?.bytes ?? 0;
    },
    async append(change) {
      if (closed) throw new DaemonError("unavailable", "Cannot store anything: the daemon is shutting down");
      const record = encodeChange(change);
      current ??= create();
      const file = current;
      if (change.content.kind === "deleted") writeDeletion(file, record);
      else write(file, record);
      const entry = entryIn(file);
      try {
        if (lasting) await sync(file);
        return entry;
      } catch (error) {
        entry.release();
        throw error;
      }
    },
    rotate() {
      current = undefined;
      prune();
      reserve?.refill();
    },
    async close() {
      if (closed) return;
      closed = true;
      current = undefined;
      prune();
      for (const file of files) if ("fd" in file) closeSync(file.fd);
    },
  };
}
