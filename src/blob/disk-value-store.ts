import { readFileSync, statSync } from "node:fs";
import { mkdir, open, readFile, readdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncFolder } from "../lib/atomic-file.ts";
import { createQuickWork } from "../lib/quick-work.ts";
import { removeEmptyFolders } from "./empty-folders.ts";
import { hasCode } from "../lib/system-error.ts";
import { explained } from "./file-failure.ts";
import { directPath, ENCODED_FOLDER, encodedPath, scopePath } from "./value-paths.ts";
import type { ValuePlace, ValueStore } from "./value-store.ts";

export interface DiskValueStoreOptions {
  /** Folder of everything; made when absent. */
  readonly folder: string;
  /** `power`: what a call has done survives a power cut; `process`: the end of this process. */
  readonly durability: "process" | "power";
}

/** Values that are being written lie here, beside the folders of tenants. */
const STAGING_FOLDER = ".plugd-staged";
/** A folder may be removed by a delete between the moment it is made and the moment it is moved to. */
const MAX_ATTEMPTS = 20;
/** Folders of plugins of which it is known whether they have encoded keys. */
const MAX_KNOWN_FOLDERS = 10_000;
/** A look at a file takes some microseconds where the system has it in memory. */
const QUICK = { limitMs: 1, pauseMs: 10_000 };
/** A file of this size is read within the same time. */
const QUICK_BYTES = 64 * 1024;
/** Files that are looked at at once when all are counted. */
const COUNTED_AT_ONCE = 64;

/** The name is no file: it is missing, too long, a folder, or leads through a file. */
const NO_FILE = ["ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"] as const;
/** A file cannot have this name: too long, taken by a folder, or below another file. */
const NO_ROOM = ["ENAMETOOLONG", "EISDIR", "ENOTEMPTY", "EEXIST", "ENOTDIR"] as const;

/**
 * Values as files: `<folder>/<tenant>/<author>/<name>/<key>` (contract/backwards-invocation 3.3), so that a folder of
 * the reference can be moved here. Keys that the file system has no room for lie at `encodedPath`.
 *
 * Failures of the file system are `internal` and name the file.
 */
export async function createDiskValueStore(options: DiskValueStoreOptions): Promise<ValueStore> {
  const root = resolve(options.folder);
  const staging = join(root, STAGING_FOLDER);
  const lasting = options.durability === "power";
  await explained("make", staging, () => mkdir(staging, { recursive: true }));
  const foldsCase = await isFolder(join(root, STAGING_FOLDER.toUpperCase()));
  const encodedFolders = new Map<string, boolean>();
  const quick = createQuickWork(QUICK);

  /** Undefined where there is no file of this name. */
  const sizeOf = (path: string) =>
    quick.run({
      atOnce() {
        const found = statSync(path, { throwIfNoEntry: false });
        return found?.isFile() ? found.size : undefined;
      },
      async elsewhere() {
        const found = await stat(path);
        return found.isFile() ? found.size : undefined;
      },
    });

  /** Does this plugin have keys that cannot be names? Hardly any has, and then nobody needs to look there. */
  async function hasEncoded(folder: string): Promise<boolean> {
    const known = encodedFolders.get(folder);
    if (known !== undefined) return known;
    const found = await isFolder(join(folder, ENCODED_FOLDER));
    // A value may have been put there since the system looked.
    if (encodedFolders.get(folder)) return true;
    if (encodedFolders.size >= MAX_KNOWN_FOLDERS) encodedFolders.clear();
    encodedFolders.set(folder, found);
    return found;
  }

  /** The places where a value may lie now, and those where a new one has a place, the first choice first. */
  async function pathsOf(
    place: ValuePlace,
  ): Promise<{ readonly now: readonly string[]; readonly next: readonly string[] }> {
    const folder = join(root, scopePath(place));
    const direct = directPath(place);
    const encoded = join(folder, encodedPath(place));
    if (direct === undefined) return { now: [encoded], next: [encoded] };
    const plain = `${folder}/${direct}`;
    const both = isUnique(place.key) ? [plain, encoded] : [encoded, plain];
    return { now: (await hasEncoded(folder)) ? both : [plain], next: both };
  }

  /** Where upper and lower case are the same, so are "A" and "a", and more than one way to write an accent. */
  function isUnique(key: string): boolean {
    return !foldsCase || /^[\u0020-\u0040\u005b-\u007e]*$/.test(key);
  }

  async function moveTo(path: string, staged: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await rename(staged, path);
        if (lasting) await syncFolder(dirname(path));
        return;
      } catch (error) {
        if (!hasCode(error, "ENOENT") || attempt === MAX_ATTEMPTS) throw error;
        if (!(await isFile(staged))) return;
        await makeFolder(dirname(path));
      }
    }
  }

  async function makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true });
    if (!lasting || first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made))
      await syncFolder(dirname(made));
  }

  /** The first that `work` answers something for; names that are no files count as nothing. */
  async function first<T>(
    place: ValuePlace,
    { action, work }: { readonly action: string; readonly work: (path: string) => Promise<T | undefined> },
  ): Promise<T | undefined> {
    for (const path of (await pathsOf(place)).now) {
      const found = await explained(action, path, () => unlessNoFile(() => work(path)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    size: (place) => first(place, { action: "read", work: async (path) => sizeOf(path) }),
    read: (place, { room } = {}) =>
      first<Uint8Array>(place, {
        action: "read",
        async work(path) {
          const bytes = await sizeOf(path);
          if (bytes === undefined) return undefined;
          await room?.(bytes);
          if (bytes > QUICK_BYTES) return readFile(path);
          return quick.run({ atOnce: () => readFileSync(path), elsewhere: () => readFile(path) });
        },
      }),
    total: (scope) =>
      explained("count", join(root, scopePath(scope)), () => sizeBelow(join(root, scopePath(scope)))),
    async stage(bytes) {
      const name = crypto.randomUUID();
      const path = join(staging, name);
      await explained("write", path, async () => {
        try {
          await writeNewFile(path, { bytes, lasting });
        } catch (error) {
          // There may be nothing to remove, and the first error is the one that tells.
          await unlink(path).catch(() => undefined);
          throw error;
        }
      });
      return name;
    },
    async readStaged(name) {
      const path = join(staging, name);
      return explained("read", path, () => unlessNoFile(() => readFile(path)));
    },
    async dropStaged(name) {
      const path = join(staging, name);
      await explained("delete", path, () => unlessNoFile(() => unlink(path)));
    },
    async sweepStaged(keep) {
      await explained("clean up", staging, async () => {
        for (const name of await readdir(staging)) if (!keep.has(name)) await unlink(join(staging, name));
      });
    },
    async put(place, stagedName) {
      const staged = join(staging, stagedName);
      const { now, next } = await pathsOf(place);
      // Where only one place comes into question it is overwritten unseen.
      const taken = now.length > 1 ? await first(place, { action: "read", work: fileAt }) : undefined;
      const candidates = taken === undefined ? next : [taken];
      for (const [at, path] of candidates.entries()) {
        try {
          await moveTo(path, staged);
          if (path.includes(`/${ENCODED_FOLDER}/`)) encodedFolders.set(join(root, scopePath(place)), true);
          return;
        } catch (error) {
          // What was made for it on the way; the error is the one that tells.
          await removeEmptyFolders(dirname(path), root).catch(() => undefined);
          if (!hasCode(error, ...NO_ROOM) || at === candidates.length - 1)
            await explained("write", path, () => Promise.reject(error));
        }
      }
    },
    async delete(place) {
      await first(place, {
        action: "delete",
        async work(path) {
          if ((await fileAt(path)) === undefined) return undefined;
          await unlink(path);
          if (lasting) await syncFolder(dirname(path));
          await removeEmptyFolders(dirname(path), root);
          return true;
        },
      });
    },
  };
}

async function fileAt(path: string): Promise<string | undefined> {
  return (await stat(path)).isFile() ? path : undefined;
}

async function writeNewFile(
  path: string,
  { bytes, lasting }: { readonly bytes: Uint8Array; readonly lasting: boolean },
): Promise<void> {
  if (!lasting) return writeFile(path, bytes, { flag: "wx" });
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Folders that cannot be there hold nothing; links are followed to files, and to no folders. */
async function sizeBelow(folder: string): Promise<number> {
  const entries = (await unlessNoFile(() => readdir(folder, { withFileTypes: true }))) ?? [];
  let total = 0;
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) total += await sizeBelow(join(folder, entry.name));
    else files.push(join(folder, entry.name));
  }
  for (let at = 0; at < files.length; at += COUNTED_AT_ONCE) {
    const found = await Promise.all(
      files.slice(at, at + COUNTED_AT_ONCE).map((path) => unlessNoFile(() => stat(path))),
    );
    for (const each of found) if (each?.isFile()) total += each.size;
  }
  return total;
}

async function isFile(path: string): Promise<boolean> {
  return (await unlessNoFile(() => stat(path)))?.isFile() ?? false;
}

async function isFolder(path: string): Promise<boolean> {
  return (await unlessNoFile(() => stat(path)))?.isDirectory() ?? false;
}

async function unlessNoFile<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, ...NO_FILE)) return undefined;
    throw error;
  }
}
