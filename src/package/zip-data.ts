import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { crc32, createInflateRaw, inflateRaw, inflateRawSync } from "node:zlib";
import { createGarbageCount } from "../lib/garbage.ts";

export const STORED = 0;
export const DEFLATED = 8;

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
const NAME_LENGTH_AT = 26;
const EXTRA_LENGTH_AT = 28;
/** Above this, inflating is left to a thread of the pool. */
const MAX_SYNC_BYTES = 256 * 1024;
/** Above this, data is read and inflated in pieces, and at no moment twice in memory. */
const MAX_WHOLE_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const GARBAGE_BYTES = 8 * 1024 * 1024;
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
  const start = await locateData(source, entry);
  const content = await readContent(source, { start, entry });
  if (content.length !== entry.uncompressedSize)
    throw new Error(`it has ${content.length} bytes, not the ${entry.uncompressedSize} that it declares`);
  if (entry.crc32 !== undefined && crc32(content) !== entry.crc32) throw new Error("checksum error");
  return content;
}

/** Answers where the data begins. */
async function locateData(source: ByteSource, entry: ZipDataEntry): Promise<number> {
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
  return start;
}

async function readContent(
  source: ByteSource,
  { start, entry }: { readonly start: number; readonly entry: ZipDataEntry },
): Promise<Uint8Array> {
  const { compressedSize, uncompressedSize } = entry;
  if (entry.compressionMethod !== DEFLATED) return detached(await source.read(start, compressedSize));
  return uncompressedSize > MAX_WHOLE_BYTES
    ? inflateInPieces(source, { start, entry })
    : inflate(await source.read(start, compressedSize), entry);
}

async function inflateInPieces(
  source: ByteSource,
  { start, entry }: { readonly start: number; readonly entry: ZipDataEntry },
): Promise<Uint8Array> {
  const end = start + entry.compressedSize;
  const content = new Uint8Array(entry.uncompressedSize);
  const letGo = createGarbageCount(GARBAGE_BYTES);
  let used = 0;
  try {
    await pipeline(
      async function* () {
        for (let at = start; at < end; at += PIECE_BYTES)
          yield await source.read(at, Math.min(PIECE_BYTES, end - at));
      },
      createInflateRaw({ chunkSize: PIECE_BYTES }),
      async (pieces: AsyncIterable<Uint8Array>) => {
        for await (const piece of pieces) {
          // Throws beyond the declared size.
          content.set(piece, used);
          used += piece.length;
          letGo(piece.length);
        }
      },
    );
  } catch (error) {
    throw brokenData(error);
  }
  return content.subarray(0, used);
}

function brokenData(cause: unknown): Error {
  return new Error("its data is broken or longer than it declares", { cause });
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
    throw brokenData(error);
  }
}
