import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { PRIVATE_FOLDER } from "../../runtime/local/working-folder.ts";
import type { PackageFile } from "../../package/package.ts";
import { type IgnoreRules, parseIgnoreRules } from "./ignore-rules.ts";

/** A file that goes into the package; `path` is `/`-separated and relative to the plugin's folder. */
export interface FolderFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface WalkOptions {
  /** A file that is being written and may lie in the folder: no package contains itself. */
  readonly except?: string;
  /** Names of files and folders that are not looked at. */
  readonly skip?: (name: string) => boolean;
}

const IGNORE_FILES = [".difyignore", ".gitignore"];

/**
 * What of a plugin's folder goes into its package, in the byte order of paths (contract/plugin-package 1.4): all that
 * the ignore file does not exclude, and never what is noted about a plugin that was run there. Links to files count as
 * files.
 *
 * Throws `bad_request` where the folder cannot be read, and for what no package can hold: links to folders, pipes.
 */
export async function listPluginFiles(
  root: string,
  options: WalkOptions = {},
): Promise<readonly FolderFile[]> {
  const excluded = await readIgnoreRules(root);
  const except = options.except === undefined ? undefined : relative(root, resolve(options.except));
  const found: FolderFile[] = [];

  async function walk(folder: readonly string[]): Promise<void> {
    const entries = await attempt(folder.join("/") || root, () =>
      readdir(join(root, ...folder), { withFileTypes: true }),
    );
    for (const entry of entries) {
      const path = [...folder, entry.name];
      const name = path.join("/");
      if (
        name === except ||
        name === PRIVATE_FOLDER ||
        options.skip?.(entry.name) ||
        excluded(path, entry.isDirectory())
      )
        continue;
      if (entry.isDirectory()) await walk(path);
      else found.push({ path: name, sizeBytes: await sizeOf(join(root, name), name) });
    }
  }

  await walk([]);
  const keys = new Map(found.map((file) => [file, Buffer.from(file.path)]));
  const key = (file: FolderFile) => keys.get(file) ?? Buffer.alloc(0);
  return found.sort((a, b) => Buffer.compare(key(a), key(b)));
}

/** The content of files that `listPluginFiles` found, in their order. Throws `bad_request`. */
export async function readPluginFiles(root: string, files: readonly FolderFile[]): Promise<PackageFile[]> {
  const read: PackageFile[] = [];
  for (const { path } of files)
    read.push({ path, bytes: await attempt(path, () => readFile(join(root, path))) });
  return read;
}

/** The rules of a plugin's ignore file; without one nothing is ignored. */
export async function readIgnoreRules(root: string): Promise<IgnoreRules> {
  for (const name of IGNORE_FILES) {
    try {
      return parseIgnoreRules(await readFile(join(root, name), "utf8"));
    } catch {
      // What cannot be read counts as missing, as in the reference: the next one has its turn.
    }
  }
  return () => false;
}

async function sizeOf(path: string, name: string): Promise<number> {
  const target = await attempt(name, () => stat(path));
  if (target.isDirectory())
    throw new DaemonError("bad_request", `Cannot pack "${name}": it is a link to a folder`, {
      hint: "Replace it by the folder, or exclude it in .difyignore",
    });
  if (!target.isFile())
    throw new DaemonError("bad_request", `Cannot pack "${name}": it is no file`, {
      hint: "Remove it, or exclude it in .difyignore",
    });
  return target.size;
}

async function attempt<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause);
    throw new DaemonError("bad_request", `Cannot read "${name}": ${reason}`, { cause });
  }
}
