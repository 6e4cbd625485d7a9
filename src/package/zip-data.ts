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

/** Bytes that are read in pieces, from memory or from a file. */
export interface ByteSource {
  readonly size: number;
  /** Fewer bytes where the end comes first. Those of a source in memory are a view. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

export function byteSource(source: Uint8Array | Blob): ByteSource {
  if (source instanceof Uint8Array)
    return {
      size: source.length,
      read: (offset, length) => source.subarray(offset, offset + length),
    };
  return {
    size: source.size,
    read: async (offset, length) => new Uint8Array(await source.slice(offset, offset + length).arrayBuffer()),
  };
}

/**
 * The content of an entry, never more than `uncompressedSize` bytes of it.
 *
 * The zip library reads directories only: its streams take four times as long for a package's many small files and
 * hold the event loop from the first to the last of them. Throws an `Error` saying what is wrong with the data.
 */
export async function readZipData(source: ByteSource, entry: ZipDataEntry): Promise<Uint8Array> {
  const data = await locateData(source, entry);
  const content = entry.compressionMethod === DEFLATED ? await inflate(data, entry) : detached(data);
  if (content.length !== entry.uncompressedSize)
    throw new Error(`it has ${content.length} bytes, not the ${entry.uncompressedSize} that it declares`);
  if (entry.crc32 !== undefined && crc32(content) !== entry.crc32) throw new Error("checksum error");
  return content;
}

async function locateData(source: ByteSource, entry: ZipDataEntry): Promise<Uint8Array> {
  const { offset, compressedSize } = entry;
  const header = await source.read(offset, LOCAL_HEADER_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.length < LOCAL_HEADER_BYTES || view.getUint32(0, true) !== LOCAL_HEADER)
    throw new Error("its local header is missing");
  const start =
    offset +
    LOCAL_HEADER_BYTES +
    view.getUint16(NAME_LENGTH_AT, true) +
    view.getUint16(EXTRA_LENGTH_AT, true);
  if (start + compressedSize > source.size) throw new Error("its data is truncated");
  return source.read(start, compressedSize);
}

/** A view would keep the whole archive in memory. */
function detached(data: Uint8Array): Uint8Array {
  return data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data);
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
