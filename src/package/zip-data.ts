import { promisify } from "node:util";
import { crc32, inflateRaw, inflateRawSync } from "node:zlib";

export const STORED = 0;
export const DEFLATED = 8;

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
const NAME_LENGTH_AT = 26;
const EXTRA_LENGTH_AT = 28;
/** Above this, inflating is left to a thread of the pool. */
const MAX_SYNC_BYTES = 256 * 1024;
const inflateInPool = promisify(inflateRaw);

/** Where the central directory says that an entry's data lies, and what it should be. */
export interface ZipDataEntry {
  /** Of the local header, from the start of the archive. */
  readonly offset: number;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  readonly compressionMethod: number;
  readonly crc32?: number;
}

/**
 * The content of an entry, never more than `uncompressedSize` bytes of it.
 *
 * The zip library reads directories only: its streams take four times as long for a package's many small files and
 * hold the event loop from the first to the last of them. Throws an `Error` saying what is wrong with the data.
 */
export async function readZipData(archive: Uint8Array, entry: ZipDataEntry): Promise<Uint8Array> {
  const data = locateData(archive, entry);
  const content = entry.compressionMethod === DEFLATED ? await inflate(data, entry) : new Uint8Array(data);
  if (content.length !== entry.uncompressedSize)
    throw new Error(`it has ${content.length} bytes, not the ${entry.uncompressedSize} that it declares`);
  if (entry.crc32 !== undefined && crc32(content) !== entry.crc32) throw new Error("checksum error");
  return content;
}

function locateData(archive: Uint8Array, entry: ZipDataEntry): Uint8Array {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const { offset, compressedSize } = entry;
  const header = offset + LOCAL_HEADER_BYTES;
  if (header > archive.length || view.getUint32(offset, true) !== LOCAL_HEADER)
    throw new Error("its local header is missing");
  const start =
    header + view.getUint16(offset + NAME_LENGTH_AT, true) + view.getUint16(offset + EXTRA_LENGTH_AT, true);
  if (start + compressedSize > archive.length) throw new Error("its data is truncated");
  return archive.subarray(start, start + compressedSize);
}

async function inflate(data: Uint8Array, entry: ZipDataEntry): Promise<Uint8Array> {
  const limit = { maxOutputLength: Math.max(1, entry.uncompressedSize) };
  try {
    return entry.uncompressedSize > MAX_SYNC_BYTES
      ? await inflateInPool(data, limit)
      : inflateRawSync(data, limit);
  } catch (error) {
    throw new Error("its data is broken or longer than it declares", { cause: error });
  }
}
