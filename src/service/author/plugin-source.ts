import { readFile, stat } from "node:fs/promises";
import { readArchive } from "../../package/archive.ts";
import { checksumOf } from "../../package/checksum.ts";
import { assembleDeclaration } from "../../package/declaration/assemble.ts";
import type { PackageFile } from "../../package/package.ts";
import { startPacer } from "../../package/pacer.ts";
import { readmes } from "../../package/readmes.ts";
import { openSourceFiles } from "../../package/source-files.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import { listPluginFiles, readPluginFiles } from "./plugin-folder.ts";

/** The files of a plugin, from its folder (less what is ignored there) or out of its package. Throws `bad_request`. */
export async function readPluginSource(path: string): Promise<readonly PackageFile[]> {
  if (await isFolder(path)) return readPluginFiles(path, await listPluginFiles(path));
  // An author's own file: what it may have is for `package` and for an upload to say.
  return (await readArchive(await readFile(path), { maxUncompressedBytes: Number.MAX_SAFE_INTEGER })).files;
}

/** The checksum of a plugin, 64 hex digits (contract/plugin-package 4.1). Throws `bad_request`. */
export async function checksumOfSource(path: string): Promise<string> {
  return checksumOf(await readPluginSource(path));
}

/** Throws `bad_request` where a file of the declaration cannot be read; limits of values are not checked. */
export async function declarationOfSource(path: string): Promise<PluginDeclaration> {
  return assembleDeclaration(openSourceFiles(await readPluginSource(path), startPacer()), false);
}

/** The readmes of a plugin by language code. Throws `bad_request` where there is no `README.md`. */
export async function readmesOfSource(path: string): Promise<ReadonlyMap<string, string>> {
  const found = readmes(await readPluginSource(path));
  if (found.size === 0)
    throw new DaemonError("bad_request", `Cannot list the readmes of "${path}": it has no README.md`);
  return found;
}

/** Throws `bad_request` where nothing is there. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new DaemonError("bad_request", `Cannot read "${path}": there is no such file or folder`, { cause });
  }
}
