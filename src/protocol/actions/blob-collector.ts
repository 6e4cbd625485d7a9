import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { ItemError } from "../invocation.ts";
import { unmarshalError } from "./unmarshal-error.ts";

/** Bytes of one file. */
const MAX_FILE_BYTES = 15 * 1024 * 1024;
/** Decoded bytes of one chunk. */
const MAX_CHUNK_BYTES = 8192;
/** All unfinished files of one call together, each chunk counted with its own weight. */
const MAX_HELD_BYTES = 4 * MAX_FILE_BYTES;
const CHUNK_WEIGHT_BYTES = 128;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Puts the chunks of files together, in the order in which they come. One per call. */
export interface BlobCollector {
  /**
   * Takes one `blob_chunk` message. Returns the whole file as a `blob` message when it was the last chunk.
   * A chunk that lacks a key is skipped. Throws `ItemError` beyond the limits.
   */
  take(item: Readonly<Record<string, unknown>>, raw: string): string | undefined;
}

interface File {
  readonly chunks: Buffer[];
  bytes: number;
}

/** contract/http-api 4.4. The data of the last chunk counts, too; the reference loses it. */
export function createBlobCollector(): BlobCollector {
  const files = new Map<string, File>();
  let heldBytes = 0;

  function take(item: Readonly<Record<string, unknown>>, raw: string): string | undefined {
    const chunk = readChunk(item["message"]);
    if (!chunk) return undefined;
    const data = decodeBase64(chunk.blob);
    if (data.length > MAX_CHUNK_BYTES) throw limitError("single file chunk is too large", MAX_CHUNK_BYTES);
    const file = files.get(chunk.id) ?? { chunks: [], bytes: 0 };
    file.bytes += data.length;
    if (file.bytes > MAX_FILE_BYTES) throw limitError("file is too large", MAX_FILE_BYTES);
    file.chunks.push(data);
    heldBytes += data.length + CHUNK_WEIGHT_BYTES;
    if (heldBytes > MAX_HELD_BYTES) throw limitError("file is too large", MAX_HELD_BYTES);
    if (!chunk.end) {
      files.set(chunk.id, file);
      return undefined;
    }
    files.delete(chunk.id);
    heldBytes -= file.bytes + file.chunks.length * CHUNK_WEIGHT_BYTES;
    const blob = Buffer.concat(file.chunks, file.bytes).toString("base64");
    return `{"type":"blob","message":{"blob":"${blob}"},"meta":${rawMember(raw, ["meta"]) ?? "null"}}`;
  }

  return { take };
}

interface Chunk {
  readonly id: string;
  readonly blob: string;
  readonly end: boolean;
}

function readChunk(message: unknown): Chunk | undefined {
  if (!isRecord(message)) return undefined;
  const { id, blob, end } = message;
  if (typeof id !== "string" || typeof blob !== "string" || typeof end !== "boolean") return undefined;
  return typeof message["total_length"] === "number" ? { id, blob, end } : undefined;
}

function decodeBase64(blob: string): Buffer {
  // `Buffer` would skip what is no base64, and the file would be another one.
  if (blob.length % 4 !== 0 || !BASE64.test(blob)) throw unmarshalError("the blob of a chunk is not base64");
  return Buffer.from(blob, "base64");
}

function limitError(message: string, limitBytes: number): ItemError {
  return new ItemError({ error_type: "unmarshal_error", message, args: { limit_bytes: limitBytes } });
}
