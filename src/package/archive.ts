import { openArchive } from "./open-archive.ts";
import type { PackageFile } from "./package.ts";
import { startPacer } from "./pacer.ts";

/** What a zip holds. */
export interface Archive {
  /** Every entry in the order of the central directory; a name that stands twice has the bytes of the first. */
  readonly entries: readonly PackageFile[];
  /** As `entries`, each name once. */
  readonly files: readonly PackageFile[];
  readonly comment: Uint8Array;
}

/**
 * Reads a whole zip. Nothing is inflated before `openArchive` has checked its directory, and no entry beyond the size
 * that it declares. Throws `bad_request`.
 */
export async function readArchive(
  source: Uint8Array | Blob,
  options: { readonly maxUncompressedBytes: number },
): Promise<Archive> {
  const archive = await openArchive(source, options);
  const pace = startPacer();
  const byPath = new Map<string, PackageFile>();
  const entries: PackageFile[] = [];
  for (const entry of archive.entries) {
    const { path } = entry;
    const file = byPath.get(path) ?? { path, bytes: await entry.read() };
    await pace();
    byPath.set(path, file);
    entries.push(file);
  }
  return { entries, files: [...byPath.values()], comment: archive.comment };
}
