/** What a chunk completed: complete lines, each with its newline, or one line above the limit. */
export type SplitPart = string | OversizeLine;

export interface OversizeLine {
  /** The first bytes of the line, enough to see whose it is. */
  readonly head: string;
  readonly sizeBytes: number;
}

export interface LineSplitter {
  /** In the order of the input: a line above the limit never changes places with what follows it. */
  push(chunk: Uint8Array): readonly SplitPart[];
  /** The rest without a newline, at the end of input. */
  flush(): readonly SplitPart[];
}

const NEWLINE = 10;
/** Enough for the envelope of a message with its session id. */
const HEAD_BYTES = 512;
const NOTHING: readonly SplitPart[] = [];
/** Chunks of a line that are kept as they came; a writer of single bytes must not cost a hundred times its line. */
const MAX_LOOSE_CHUNKS = 1024;

/**
 * Cuts a byte stream into blocks of complete lines.
 *
 * Splits at byte 10 only (U+2028 and friends are legal inside JSON strings), decodes a block once, keeps what is
 * incomplete as a list of chunks (no repeated joining), and drops a line above the limit while it passes, so that a
 * plugin without newlines costs no more than the limit. Invalid UTF-8 becomes U+FFFD.
 */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  const decoder = new TextDecoder();
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  /** How many at the end of `pending` have not been joined. */
  let loose = 0;
  /** Set while a line above the limit passes: its head and what was seen of it so far. */
  let dropping: { head: string; sizeBytes: number } | undefined;

  function clearPending(): void {
    pending = [];
    pendingBytes = 0;
    loose = 0;
  }

  function startDropping(): void {
    dropping = {
      head: decoder.decode(Buffer.concat(pending).subarray(0, HEAD_BYTES)),
      sizeBytes: pendingBytes,
    };
    clearPending();
  }

  function keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    pending.push(rest);
    pendingBytes += rest.length;
    if (++loose >= MAX_LOOSE_CHUNKS) {
      pending.push(Buffer.concat(pending.splice(-loose)));
      loose = 0;
    }
    if (pendingBytes > maxLineBytes) startDropping();
  }

  function push(input: Uint8Array): readonly SplitPart[] {
    if (!dropping) return split(input);
    const at = input.indexOf(NEWLINE);
    if (at < 0) {
      dropping.sizeBytes += input.length;
      return NOTHING;
    }
    const dropped = { head: dropping.head, sizeBytes: dropping.sizeBytes + at };
    dropping = undefined;
    return [dropped, ...split(input.subarray(at + 1))];
  }

  function split(chunk: Uint8Array): readonly SplitPart[] {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      keep(chunk);
      return NOTHING;
    }
    const complete = chunk.subarray(0, last + 1);
    const joined = pending.length > 0 ? Buffer.concat([...pending, complete]) : complete;
    clearPending();
    keep(chunk.subarray(last + 1));
    return joined.length > maxLineBytes ? cutOversize(joined) : [decoder.decode(joined)];
  }

  /** Slow path: the block is longer than one line may be, so look at each of its lines. */
  function cutOversize(bytes: Uint8Array): readonly SplitPart[] {
    const parts: SplitPart[] = [];
    let goodFrom = 0;
    const takeGood = (to: number) => {
      if (to > goodFrom) parts.push(decoder.decode(bytes.subarray(goodFrom, to)));
    };
    for (
      let from = 0, at = bytes.indexOf(NEWLINE);
      at >= 0;
      from = at + 1, at = bytes.indexOf(NEWLINE, from)
    ) {
      const sizeBytes = at - from;
      if (sizeBytes <= maxLineBytes) continue;
      takeGood(from);
      parts.push({ head: decoder.decode(bytes.subarray(from, from + HEAD_BYTES)), sizeBytes });
      goodFrom = at + 1;
    }
    takeGood(bytes.length);
    return parts;
  }

  function flush(): readonly SplitPart[] {
    if (dropping) {
      const rest = dropping;
      dropping = undefined;
      return [rest];
    }
    if (pendingBytes === 0) return NOTHING;
    const rest = Buffer.concat(pending);
    clearPending();
    return [decoder.decode(rest)];
  }

  return { push, flush };
}
