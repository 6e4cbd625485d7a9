import type { TcpChannel } from "../../transport/tcp.ts";

/** Single lines of a channel, before it is known which dialect its messages have. */
export interface LineReader {
  /** The next line that is not blank, without its end; undefined when the peer has hung up. Throws `LineTooLongError`. */
  next(maxBytes: number): Promise<string | undefined>;
  /** Gives what was read and not asked for back to the channel. */
  release(): void;
}

export class LineTooLongError extends Error {
  constructor(maxBytes: number) {
    super(`a line has more than ${maxBytes} bytes`);
    this.name = "LineTooLongError";
  }
}

const NEWLINE = 10;
/** A writer of single bytes must not cost a hundred times its line. */
const MAX_LOOSE_CHUNKS = 1024;

export function createLineReader(channel: Pick<TcpChannel, "read" | "unread">): LineReader {
  const decoder = new TextDecoder();
  let rest: Uint8Array = new Uint8Array();

  async function nextLine(maxBytes: number): Promise<string | undefined> {
    let parts: Uint8Array[] = [];
    let bytes = 0;
    for (let chunk: Uint8Array | undefined = rest; chunk; chunk = await channel.read()) {
      const at = chunk.indexOf(NEWLINE);
      const part = at < 0 ? chunk : chunk.subarray(0, at);
      bytes += part.length;
      if (bytes > maxBytes) throw new LineTooLongError(maxBytes);
      parts.push(part);
      if (at >= 0) {
        rest = chunk.subarray(at + 1);
        return decoder.decode(Buffer.concat(parts));
      }
      if (parts.length > MAX_LOOSE_CHUNKS) parts = [Buffer.concat(parts)];
    }
    rest = new Uint8Array();
    return undefined;
  }

  return {
    async next(maxBytes) {
      for (;;) {
        const line = await nextLine(maxBytes);
        if (line === undefined) return undefined;
        const text = line.trim();
        if (text !== "") return text;
      }
    },
    release() {
      channel.unread(rest);
      rest = new Uint8Array();
    },
  };
}
