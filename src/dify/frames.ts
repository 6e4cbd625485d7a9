/**
 * The binary frames of Dify's streaming answers (contract/backwards-invocation 2.3): a header of 14 bytes, then the
 * payload, which is JSON text. Frames and network reads are unrelated.
 */
export interface FrameReader {
  /**
   * The payloads that this chunk completes, in order; pull them all. Throws a `FrameError` where the stream is no
   * sequence of frames, behind those that came before.
   */
  push(chunk: Uint8Array): Generator<string, void>;
  /** The body has ended. Throws a `FrameError` when it ended inside a frame. */
  end(): void;
  /** Bytes of a frame that is not complete. */
  readonly pendingBytes: number;
}

/** The stream breaks the format; the message is the reference's, plugins show it. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FrameError";
  }
}

const MAGIC = 0x0f;
const PREFIX_BYTES = 4;
const HEADER_BYTES = 10;
const HEAD_BYTES = PREFIX_BYTES + HEADER_BYTES;

export function createFrameReader(maxPayloadBytes: number): FrameReader {
  const decoder = new TextDecoder();
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  /** Bytes that the frame at the front needs, as far as that is known. */
  let needed = HEAD_BYTES;

  function joined(): Buffer {
    const bytes = Buffer.concat(pending);
    pending = [bytes];
    return bytes;
  }

  function checkHead(bytes: Buffer, at: number): void {
    const available = bytes.length - at;
    if (available >= 1 && bytes[at] !== MAGIC) throw new FrameError(`magic number mismatch: ${bytes[at]}`);
    if (available >= PREFIX_BYTES && bytes.readUInt16LE(at + 2) !== HEADER_BYTES)
      throw new FrameError(`header length mismatch: ${bytes.readUInt16LE(at + 2)}`);
    if (available >= 2 * PREFIX_BYTES && bytes.readUInt32LE(at + 4) > maxPayloadBytes)
      throw new FrameError(`data length is too long: ${bytes.readUInt32LE(at + 4)}`);
  }

  return {
    get pendingBytes() {
      return pendingBytes;
    },
    *push(chunk) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      // Joining only when a frame is complete, or its head must be looked at, keeps a large payload linear.
      if (pendingBytes < needed && needed > HEAD_BYTES) return;
      const bytes = joined();
      let at = 0;
      for (;;) {
        checkHead(bytes, at);
        const available = bytes.length - at;
        needed = available < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + bytes.readUInt32LE(at + 4);
        if (available < needed) break;
        yield decoder.decode(bytes.subarray(at + HEAD_BYTES, at + needed));
        at += needed;
      }
      pending = at < bytes.length ? [bytes.subarray(at)] : [];
      pendingBytes = bytes.length - at;
    },
    end() {
      if (pendingBytes === 0) return;
      if (pendingBytes < PREFIX_BYTES) throw new FrameError("unexpected EOF\nfailed to read system header");
      if (pendingBytes < HEAD_BYTES)
        throw new FrameError(
          `${pendingBytes === PREFIX_BYTES ? "EOF" : "unexpected EOF"}\nfailed to read header`,
        );
      throw new FrameError(`${pendingBytes === HEAD_BYTES ? "EOF" : "unexpected EOF"}\nfailed to read data`);
    },
  };
}

/** One frame, for those who answer like Dify. */
export function encodeFrame(payload: string): Uint8Array {
  const body = new TextEncoder().encode(payload);
  const frame = Buffer.alloc(HEAD_BYTES + body.length);
  frame[0] = MAGIC;
  frame.writeUInt16LE(HEADER_BYTES, 2);
  frame.writeUInt32LE(body.length, 4);
  frame.set(body, HEAD_BYTES);
  return frame;
}
