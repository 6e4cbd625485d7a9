import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { hasCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { type Identifier, workingFolder } from "../../protocol/identifier.ts";
import type { PackageFile } from "../../package/package.ts";
import { fileFailure } from "./file-failure.ts";

/**
 * Below a plugin's folder, for what the daemon notes about it; entries of a package with this name are left out.
 * The same name below the working path holds folders that are being unpacked or removed.
 */
export const PRIVATE_FOLDER = ".plugd";

const MARKER = join(PRIVATE_FOLDER, "complete.json");
/** Files that are written and forced to the disk at once. */
const PARALLEL_WRITES = 16;

export interface WorkingFolders {
  /**
   * The plugin's folder, unpacked if it is not complete: `<working path>/<author>/<name>-<version>@<checksum>`.
   *
   * What is unpacked shows up at once and whole. A folder without our marker (left by a kill -9 of another daemon, or
   * made by hand) is replaced. Rejects with `bad_request` when an entry would leave the folder, and with `unavailable`
   * when the disk does not take it; nothing stays behind then.
   */
  ensure(identifier: Identifier, load: () => Promise<readonly PackageFile[]>): Promise<string>;
  pathOf(identifier: Identifier): string;
  /** Also when there is none. */
  remove(identifier: Identifier): Promise<void>;
  /** Paths of all that are complete. */
  list(): Promise<string[]>;
}

export function createWorkingFolders(workingPath: string): WorkingFolders {
  const scratch = join(workingPath, PRIVATE_FOLDER);
  const pathOf = (identifier: Identifier) => join(workingPath, workingFolder(identifier));
  const isComplete = (folder: string) => Bun.file(join(folder, MARKER)).exists();
  let swept: Promise<void> | undefined;

  /** Empties it once per start, of what a kill left: nobody else unpacks below this working path. */
  async function openScratch(): Promise<void> {
    await mkdir(scratch, { recursive: true, mode: 0o755 });
    swept ??= emptyFolder(scratch);
    await swept;
  }

  /** Out of sight at once; a removal that is cut short leaves it in the scratch folder. */
  async function discard(folder: string): Promise<void> {
    const trash = join(scratch, crypto.randomUUID());
    try {
      await rename(folder, trash);
    } catch (cause) {
      if (hasCode(cause, "ENOENT")) return;
      throw cause;
    }
    await rm(trash, { recursive: true, force: true });
  }

  async function unpack(identifier: Identifier, files: readonly PackageFile[]): Promise<void> {
    const folder = pathOf(identifier);
    const temporary = join(scratch, crypto.randomUUID());
    try {
      await mkdir(temporary, { recursive: true, mode: 0o755 });
      await writeFiles(temporary, files);
      await mkdir(join(temporary, PRIVATE_FOLDER), { mode: 0o755 });
      await writeFile(
        join(temporary, MARKER),
        new TextEncoder().encode(JSON.stringify({ identifier: identifier.text })),
      );
      await syncFolder(join(temporary, PRIVATE_FOLDER));
      await syncFolder(temporary);
      await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
      await discard(folder);
      await rename(temporary, folder);
      await syncFolder(dirname(folder));
    } catch (error) {
      // The first error is the one that tells.
      await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
  }

  return {
    pathOf,
    async ensure(identifier, load) {
      const folder = pathOf(identifier);
      if (await isComplete(folder)) return folder;
      const files = await load();
      try {
        await openScratch();
        await unpack(identifier, files);
      } catch (error) {
        throw fileFailure(error, { action: `Cannot unpack plugin "${identifier.text}"`, folder });
      }
      return folder;
    },
    async remove(identifier) {
      const folder = pathOf(identifier);
      await openScratch();
      await discard(folder);
      // The author may have other plugins.
      if (identifier.author !== "") await rmdir(dirname(folder)).catch(() => undefined);
    },
    async list() {
      const candidates: string[] = [];
      for (const first of await foldersIn(workingPath)) {
        if (first === PRIVATE_FOLDER) continue;
        const path = join(workingPath, first);
        candidates.push(path, ...(await foldersIn(path)).map((second) => join(path, second)));
      }
      const complete = await Promise.all(candidates.map(isComplete));
      return candidates.filter((_, at) => complete[at]);
    },
  };
}

async function writeFiles(folder: string, files: readonly PackageFile[]): Promise<void> {
  const targets = files
    .filter(({ path }) => path !== PRIVATE_FOLDER && !path.startsWith(`${PRIVATE_FOLDER}/`))
    .map((file) => ({ bytes: file.bytes, path: safePath(folder, file.path) }));
  for (const parent of new Set(targets.map(({ path }) => dirname(path))))
    await mkdir(parent, { recursive: true, mode: 0o755 });
  const queue = targets.values();
  const work = async () => {
    for (const { path, bytes } of queue) await writeFile(path, bytes);
  };
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL_WRITES }, work));
  // All have to be over before anybody removes the folder.
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Never executable, as in the reference (contract/plugin-package 1.2). */
async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The reader of packages refuses such names too; what is written to the disk is checked where it is written. */
function safePath(folder: string, path: string): string {
  const target = resolve(folder, path);
  const odd = path === "" || path.includes("\0") || path.includes("\\");
  if (odd || !target.startsWith(folder + sep))
    throw new DaemonError(
      "bad_request",
      `extract plugin to working directory error: entry "${path}" lies outside of the plugin's folder`,
    );
  return target;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
