import type { Dirent } from "node:fs";
import { mkdir, readFile, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { isTemporaryFile, writeFileAtomic } from "../lib/atomic-file.ts";
import { hasCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { BlobKind, BlobStore } from "./blob-store.ts";
import { removeEmptyFolders } from "./empty-folders.ts";
import { explained, unlessMissing } from "./file-failure.ts";
import { isStorageKey, storageFolders } from "./storage-folders.ts";

export interface DiskBlobStoreOptions {
  /** Folder that holds everything; made when absent. */
  readonly root: string;
  /** Folder of each kind below the root, such as `plugin_packages`. No two may be equal or lie within one another. */
  readonly prefixes: Readonly<Record<BlobKind, string>>;
}

/** A folder may be removed by a delete between the moment it is made and the moment it is written to. */
const MAX_ATTEMPTS = 5;

/**
 * Blobs as files: `<root>/<prefix>/<key>`, so that a package lies at `plugin_packages/author/name:1.0@…`
 * (contract/lifecycle 2.2).
 *
 * A key is a path of segments between `/`; none may be empty or start with a dot, and none may hold a backslash or a
 * control character: `bad_request` otherwise. Failures of the file system are `internal` and name the file. Opening
 * removes what writes that were cut short have left; the root must be ours alone.
 */
export async function createDiskBlobStore(options: DiskBlobStoreOptions): Promise<BlobStore> {
  const folders = storageFolders(options);
  for (const folder of Object.values(folders)) await sweep(folder);

  function pathOf(kind: BlobKind, key: string): string {
    if (!isStorageKey(key))
      throw new DaemonError("bad_request", `Cannot use "${key}" as the key of a stored ${kind}`);
    return join(folders[kind], ...key.split("/"));
  }

  return {
    async put(kind, key, bytes) {
      const path = pathOf(kind, key);
      await explained("write", path, async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            await mkdir(dirname(path), { recursive: true });
            return await writeFileAtomic(path, bytes);
          } catch (error) {
            if (!hasCode(error, "ENOENT") || attempt === MAX_ATTEMPTS) throw error;
          }
        }
      });
    },
    async get(kind, key) {
      const path = pathOf(kind, key);
      return explained("read", path, () => unlessMissing(() => readFile(path)));
    },
    async has(kind, key) {
      const path = pathOf(kind, key);
      return explained("read", path, async () => (await unlessMissing(() => stat(path)))?.isFile() ?? false);
    },
    async delete(kind, key) {
      const path = pathOf(kind, key);
      await explained("delete", path, async () => {
        await unlessMissing(() => unlink(path));
        await removeEmptyFolders(dirname(path), folders[kind]);
      });
    },
    async *list(kind) {
      const folder = folders[kind];
      for await (const path of files(folder))
        if (!isTemporaryFile(path)) yield relative(folder, path).split(sep).join("/");
    },
  };
}

async function sweep(folder: string): Promise<void> {
  await explained("clean up", folder, async () => {
    for await (const path of files(folder))
      if (isTemporaryFile(path)) await unlessMissing(() => unlink(path));
  });
}

/** Regular files below a folder, in no order. What vanishes meanwhile is left out. */
async function* files(folder: string): AsyncGenerator<string> {
  const entries: Dirent[] =
    (await explained("list", folder, () => unlessMissing(() => readdir(folder, { withFileTypes: true })))) ??
    [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith(".")) yield* files(path);
    else if (entry.isFile() && (isTemporaryFile(path) || !entry.name.startsWith("."))) yield path;
  }
}
