import { type Entry, Uint8ArrayReader, ZipReader } from "@zip.js/zip.js";
import { DaemonError } from "../protocol/daemon-error.ts";
import { cleanEntryPath } from "./entry-path.ts";
import type { PackageFile } from "./package.ts";
import { type Pacer, startPacer } from "./pacer.ts";
import { DEFLATED, readZipData, STORED, type ZipDataEntry } from "./zip-data.ts";

/** What a zip holds. */
export interface Archive {
  /** Every entry in the order of the central directory; a name that stands twice has the bytes of the first. */
  readonly entries: readonly PackageFile[];
  /** As `entries`, each name once. */
  readonly files: readonly PackageFile[];
  readonly comment: Uint8Array;
}

/** No package comes near (the largest official one has 283); a directory of empty entries could have millions. */
const MAX_ENTRIES = 50_000;
const UNIX_TYPE = 0o170000;
const UNIX_FOLDER = 0o040000;
const UNIX_FILE = 0o100000;

/**
 * Reads a whole zip (contract/plugin-package 1.1 – 1.3).
 *
 * Nothing is inflated before names, kinds and the sum of declared sizes are checked, and no entry beyond the size
 * that it declares. Throws `bad_request`.
 */
export async function readArchive(
  bytes: Uint8Array,
  options: { readonly maxUncompressedBytes: number },
): Promise<Archive> {
  const reader = new ZipReader(new Uint8ArrayReader(bytes), {
    useWebWorkers: false,
    // Names are checked here, from their raw bytes.
    filenameValidation: "tolerant",
  });
  const pace = startPacer();
  try {
    const listed = await listEntries(reader, { ...options, pace });
    const byPath = new Map<string, PackageFile>();
    const entries: PackageFile[] = [];
    for (const item of listed) {
      const { path } = item;
      const file = byPath.get(path) ?? { path, bytes: await readEntry(bytes, item) };
      await pace();
      byPath.set(path, file);
      entries.push(file);
    }
    return { entries, files: [...byPath.values()], comment: reader.comment };
  } finally {
    await reader.close();
  }
}

interface ListedEntry {
  readonly entry: ZipDataEntry;
  readonly path: string;
}

async function listEntries(
  reader: ZipReader<unknown>,
  { maxUncompressedBytes, pace }: { readonly maxUncompressedBytes: number; readonly pace: Pacer },
): Promise<readonly ListedEntry[]> {
  const entries: Entry[] = [];
  let sum = 0;
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      sum += entry.uncompressedSize;
      if (sum > maxUncompressedBytes) throw tooLarge(maxUncompressedBytes);
      entries.push(entry);
      if (entries.length > MAX_ENTRIES)
        throw refuse(`difypkg: a package may have ${MAX_ENTRIES} files at most`);
      await pace();
    }
  } catch (error) {
    if (error instanceof DaemonError) throw error;
    throw refuse("difypkg: not a valid difypkg file", error);
  }
  const listed = entries.map(checkEntry);
  checkNesting(listed.map(({ path }) => path));
  return listed;
}

/** Refuses files below files. Sorted with a slash behind each, whatever lies below a path follows right after it. */
function checkNesting(paths: readonly string[]): void {
  const folders = [...new Set(paths)].map((path) => `${path}/`).sort();
  for (const [at, folder] of folders.entries()) {
    const next = folders[at + 1];
    if (next?.startsWith(folder)) throw refuse(`open ${next.slice(0, -1)}: ${folder.slice(0, -1)} is a file`);
  }
}

function checkEntry(entry: Entry): ListedEntry {
  const cleaned = cleanEntryPath(entryName(entry));
  if (!cleaned.ok) throw refuse(cleaned.reason);
  const { path } = cleaned;
  const type = (entry.externalFileAttributes >>> 16) & UNIX_TYPE;
  if (entry.directory || type === UNIX_FOLDER) throw refuse(`read ${path}: is a directory`);
  if (type !== 0 && type !== UNIX_FILE)
    throw refuse(`open ${path}: links and special files are not allowed in a package`);
  if (entry.encrypted) throw refuse(`open ${path}: encrypted files are not allowed in a package`);
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw refuse(`open ${path}: difypkg: unsupported compression algorithm`);
  return { entry, path };
}

/** Names are UTF-8 whatever the entry says about them: the checksum is over their bytes. */
function entryName(entry: Entry): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry.rawFilename);
  } catch (error) {
    throw refuse(`open ${entry.filename}: invalid argument`, error);
  }
}

async function readEntry(archive: Uint8Array, { entry, path }: ListedEntry): Promise<Uint8Array> {
  try {
    return await readZipData(archive, entry);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw refuse(`difypkg: cannot read ${path}: ${reason}`, error);
  }
}

function tooLarge(limit: number): DaemonError {
  return refuse(
    `plugin package size is too large, please ensure the uncompressed size is less than ${limit} bytes`,
  );
}

function refuse(message: string, cause?: unknown): DaemonError {
  return new DaemonError("bad_request", message, { cause });
}
