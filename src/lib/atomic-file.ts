import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasCode } from "./system-error.ts";

/** Names of files that are being written begin like this; what a kill -9 left behind is found by it. */
const TEMPORARY_PREFIX = ".tmp-";

export interface WriteFileAtomicOptions {
  /** Permission bits of the new file, less the process's umask. Default: 0o644. */
  readonly mode?: number;
}

/**
 * Writes a file so that readers see the old bytes or the new ones, also after a kill -9 or a power cut.
 *
 * The bytes go to a temporary file in the same folder, which must exist, are forced to the disk and then renamed
 * over `path`. On failure the temporary file is removed and the error of the file system is thrown as it is
 * (`ENOSPC`, `EROFS`, `ENOENT`, …).
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | Blob | string,
  options: WriteFileAtomicOptions = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${crypto.randomUUID()}`);
  try {
    const file = await open(temporary, "wx", options.mode ?? 0o644);
    try {
      if (bytes instanceof Blob) await Bun.write(temporary, bytes);
      else await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // There may be nothing to remove, and the first error is the one that tells.
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** Is this the name (or the path) of a file that `writeFileAtomic` was writing? */
export function isTemporaryFile(path: string): boolean {
  return basename(path).startsWith(TEMPORARY_PREFIX);
}

/** Makes what was renamed or removed in a folder last through a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems cannot do it for folders; there the rename is as lasting as it gets.
    if (!hasCode(error, "EINVAL", "ENOTSUP")) throw error;
  } finally {
    await folder.close();
  }
}
