/** What a chunk completed. */
export interface SplitResult {
  /** Complete lines in order, each with its newline; undefined when no line was completed. */
  readonly block: string | undefined;
  /** Lines above the limit that ended in this chunk; they are not part of `block`. */
  readonly oversize: readonly OversizeLine[];
}

export interface OversizeLine {
  /** The first bytes of the line, enough to see whose it is. */
  readonly head: string;
  readonly sizeBytes: number;
}

export interface LineSplitter {
  push(chunk: Uint8Array): SplitResult;
  /** The rest without a newline, at the end of input. */
  flush(): SplitResult;
}

const NEWLINE = 10;
/** Enough for the envelope of a message with its session id. */
const HEAD_BYTES = 512;
const NOTHING: readonly OversizeLine[] = [];

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
  /** Set while a line above the limit passes: its head and what was seen of it so far. */
  let dropping: { head: string; sizeBytes: number } | undefined;

  function startDropping(): void {
    dropping = { head: decoder.decode(Buffer.concat(pending).subarray(0, HEAD_BYTES)), sizeBytes: pendingBytes };
    pending = [];
    pendingBytes = 0;
  }

  function keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    pending.push(rest);
    pendingBytes += rest.length;
    if (pendingBytes > maxLineBytes) startDropping();
  }

  function push(input: Uint8Array): SplitResult {
    let chunk = input;
    let oversize = NOTHING;
    if (dropping) {
      const at = chunk.indexOf(NEWLINE);
      if (at < 0) {
        dropping.sizeBytes += chunk.length;
        return { block: undefined, oversize };
      }
      oversize = [{ head: dropping.head, sizeBytes: dropping.sizeBytes + at }];
      dropping = undefined;
      chunk = chunk.subarray(at + 1);
    }
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      keep(chunk);
      return { block: undefined, oversize };
    }
    const complete = chunk.subarray(0, last + 1);
    const joined = pending.length > 0 ? Buffer.concat([...pending, complete]) : complete;
    pending = [];
    pendingBytes = 0;
    keep(chunk.subarray(last + 1));
    if (joined.length > maxLineBytes) return cutOversize(joined, oversize);
    return { block: decoder.decode(joined), oversize };
  }

  /** Slow path: the block is longer than one line may be, so look at each of its lines. */
  function cutOversize(bytes: Uint8Array, before: readonly OversizeLine[]): SplitResult {
    const oversize = [...before];
    const good: Uint8Array[] = [];
    for (let from = 0, at = bytes.indexOf(NEWLINE); at >= 0; from = at + 1, at = bytes.indexOf(NEWLINE, from)) {
      const sizeBytes = at - from;
      if (sizeBytes <= maxLineBytes) good.push(bytes.subarray(from, at + 1));
      else oversize.push({ head: decoder.decode(bytes.subarray(from, from + HEAD_BYTES)), sizeBytes });
    }
    return { block: good.length > 0 ? decoder.decode(Buffer.concat(good)) : undefined, oversize };
  }

  function flush(): SplitResult {
    if (dropping) {
      const oversize = [dropping];
      dropping = undefined;
      return { block: undefined, oversize };
    }
    if (pendingBytes === 0) return { block: undefined, oversize: NOTHING };
    const rest = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    return { block: decoder.decode(rest), oversize: NOTHING };
  }

  return { push, flush };
}
