import { BlobReader, type Entry, Uint8ArrayReader, ZipReader } from "@zip.js/zip.js";
import { errorMessage } from "../lib/describe-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { cleanEntryPath } from "./entry-path.ts";
import { type Pacer, startPacer } from "./pacer.ts";
import { packageTooLarge } from "./too-large.ts";
import { type ByteSource, byteSource, DEFLATED, readZipData, STORED } from "./zip-data.ts";

/** An entry whose name and kind were checked; its content is read when it is asked for. */
export interface ArchiveEntry {
  /** Cleaned, `/`-separated. */
  readonly path: string;
  readonly compressedBytes: number;
  /** What the directory declares; reading gives exactly as many bytes, or fails. */
  readonly uncompressedBytes: number;
  /** Throws `bad_request` where the data is broken. */
  read(): Promise<Uint8Array>;
}

/** A zip whose entries are read one by one. */
export interface OpenArchive {
  /** In the order of the central directory; a name may stand twice. */
  readonly entries: readonly ArchiveEntry[];
  readonly comment: Uint8Array;
}

/** What error texts call a format, in the way of the reference. */
export type ArchiveFormat = "difypkg" | "difybndl";

export interface OpenArchiveOptions {
  /** Upper limit of the sum of declared sizes; none for archives of which only parts are read. */
  readonly maxUncompressedBytes: number;
  /** Default: `difypkg`. */
  readonly format?: ArchiveFormat;
}

/** No package comes near (the largest official one has 283); a directory of empty entries could have millions. */
const MAX_ENTRIES = 50_000;
const UNIX_TYPE = 0o170000;
const UNIX_FOLDER = 0o040000;
const UNIX_FILE = 0o100000;

/**
 * Reads the directory of a zip, in memory or in a file, which is then read in pieces (contract/plugin-package 1.1 –
 * 1.3). A file must stay as it is while entries are read.
 *
 * Names, kinds and places of all entries and the sum of their declared sizes are checked. Throws `bad_request`.
 */
export async function openArchive(
  source: Uint8Array | Blob,
  { maxUncompressedBytes, format = "difypkg" }: OpenArchiveOptions,
): Promise<OpenArchive> {
  const reader = new ZipReader(
    source instanceof Uint8Array ? new Uint8ArrayReader(source) : new BlobReader(source),
    {
      useWebWorkers: false,
      // Names are checked here, from their raw bytes.
      filenameValidation: "tolerant",
    },
  );
  const bytes = byteSource(source);
  try {
    const listed = await listEntries(reader, { maxUncompressedBytes, format, pace: startPacer() });
    const entries = listed.map((entry) => checkEntry(entry, bytes, format));
    checkNesting(entries.map(({ path }) => path));
    const packed = entries.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
    if (packed > bytes.size) throw refuse(`${format}: entries share their data`);
    return { entries, comment: reader.comment };
  } finally {
    await reader.close();
  }
}

async function listEntries(
  reader: ZipReader<unknown>,
  options: {
    readonly maxUncompressedBytes: number;
    readonly format: ArchiveFormat;
    readonly pace: Pacer;
  },
): Promise<readonly Entry[]> {
  const { maxUncompressedBytes, format, pace } = options;
  const entries: Entry[] = [];
  let sum = 0;
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      sum += entry.uncompressedSize;
      if (sum > maxUncompressedBytes) throw packageTooLarge(maxUncompressedBytes);
      entries.push(entry);
      if (entries.length > MAX_ENTRIES)
        throw refuse(`${format}: a package may have ${MAX_ENTRIES} files at most`);
      await pace();
    }
  } catch (error) {
    if (error instanceof DaemonError) throw error;
    throw refuse(`${format}: not a valid ${format} file`, error);
  }
  return entries;
}

/** Refuses files below files. Sorted with a slash behind each, whatever lies below a path follows right after it. */
function checkNesting(paths: readonly string[]): void {
  const folders = [...new Set(paths)].map((path) => `${path}/`).sort();
  for (const [at, folder] of folders.entries()) {
    const next = folders[at + 1];
    if (next?.startsWith(folder)) throw refuse(`open ${next.slice(0, -1)}: ${folder.slice(0, -1)} is a file`);
  }
}

function checkEntry(entry: Entry, source: ByteSource, format: ArchiveFormat): ArchiveEntry {
  const cleaned = cleanEntryPath(entryName(entry));
  if (!cleaned.ok) throw refuse(cleaned.reason);
  const { path } = cleaned;
  const type = (entry.externalFileAttributes >>> 16) & UNIX_TYPE;
  if (entry.directory || type === UNIX_FOLDER) throw refuse(`read ${path}: is a directory`);
  if (type !== 0 && type !== UNIX_FILE)
    throw refuse(`open ${path}: links and special files are not allowed in a package`);
  if (entry.encrypted) throw refuse(`open ${path}: encrypted files are not allowed in a package`);
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw refuse(`open ${path}: ${format}: unsupported compression algorithm`);
  return {
    path,
    compressedBytes: entry.compressedSize,
    uncompressedBytes: entry.uncompressedSize,
    async read() {
      try {
        return await readZipData(source, entry);
      } catch (error) {
        const reason = errorMessage(error);
        throw refuse(`${format}: cannot read ${path}: ${reason}`, error);
      }
    },
  };
}

/** Names are UTF-8 whatever the entry says about them: the checksum is over their bytes. */
function entryName(entry: Entry): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry.rawFilename);
  } catch (error) {
    throw refuse(`open ${entry.filename}: invalid argument`, error);
  }
}

function refuse(message: string, cause?: unknown): DaemonError {
  return new DaemonError("bad_request", message, { cause });
}
