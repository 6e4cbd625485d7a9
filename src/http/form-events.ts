import { DaemonError } from "../protocol/daemon-error.ts";
import { boundaryOf, headTooLarge, MAX_HEAD_BYTES, parseHead } from "./multipart.ts";

/** A part begins, or some bytes of its content. Those are valid until the next event. */
export type FormEvent =
  | { readonly kind: "part"; readonly name: string; readonly isFile: boolean }
  | { readonly kind: "data"; readonly bytes: Uint8Array };

const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";
/** What may follow a boundary on its line: padding, then the end of the line. */
const TAIL_BYTES = 64;

/**
 * The parts of a `multipart/form-data` body as they arrive (RFC 7578), with no more of it in memory than a chunk.
 *
 * Throws `bad_request` for what is no form, or ends before its last boundary. However it ends, the body is read to
 * its end: a client that is still sending would not hear why.
 */
export async function* formEvents(request: Request): AsyncGenerator<FormEvent> {
  const delimiter = Buffer.from(`\r\n--${boundaryOf(request.headers.get("content-type") ?? "")}`);
  const input = openInput(request.body);
  try {
    // The first boundary may stand at the very start, without a line end before it.
    for await (const _ of contentUntil(input, delimiter)) continue;
    while (!(await isLastBoundary(input))) {
      const head = parseHead(await readHead(input));
      if (head) yield { kind: "part", ...head };
      for await (const bytes of contentUntil(input, delimiter)) if (head) yield { kind: "data", bytes };
    }
  } finally {
    await input.drain();
  }
}

async function isLastBoundary(input: Input): Promise<boolean> {
  if (!(await input.fill(2))) throw cut();
  return input.bytes.subarray(0, 2).toString("latin1") === "--";
}

/** From the rest of the boundary's line to the empty line, whose line end is left for `contentUntil`. */
async function readHead(input: Input): Promise<string> {
  for (;;) {
    const end = input.bytes.indexOf(HEAD_END);
    if ((end < 0 ? input.bytes.length : end) > MAX_HEAD_BYTES) throw headTooLarge();
    if (end >= 0) {
      const head = input.bytes.toString("utf8", 0, end + HEAD_END.length);
      input.drop(end + LINE_END.length);
      return head;
    }
    if (!(await input.more())) throw cut();
  }
}

/**
 * Everything up to the next boundary, which is taken away, too; the rest of its line is not. The input begins with
 * the line end before the content, because an empty content may share it with its boundary.
 */
async function* contentUntil(input: Input, delimiter: Buffer): AsyncGenerator<Uint8Array> {
  let start = LINE_END.length;
  let from = 0;
  for (;;) {
    const at = input.bytes.indexOf(delimiter, from);
    if (at < 0) {
      // The last bytes may be the beginning of a boundary.
      const safe = input.bytes.length - delimiter.length + 1;
      if (safe > start) {
        yield input.bytes.subarray(start, safe);
        input.drop(safe);
        start = 0;
      }
      from = 0;
      if (!(await input.more())) throw cut();
      continue;
    }
    const end = at + delimiter.length;
    await input.fill(end + TAIL_BYTES);
    // Content may begin a line with the same characters and go on.
    if (/^(?:--|[ \t]*\r\n)/.test(input.bytes.toString("latin1", end, end + TAIL_BYTES))) {
      if (at > start) yield input.bytes.subarray(start, at);
      input.drop(end);
      return;
    }
    from = at + 1;
  }
}

/** What has arrived and was not taken yet. */
interface Input {
  readonly bytes: Buffer;
  drop(count: number): void;
  /** Waits for the next chunk; false at the end. */
  more(): Promise<boolean>;
  /** Waits until there are as many bytes; false where the end comes first. */
  fill(count: number): Promise<boolean>;
  /** Reads to the end, for nothing. Never throws. */
  drain(): Promise<void>;
}

function openInput(body: ReadableStream<Uint8Array> | null): Input {
  const chunks = body?.[Symbol.asyncIterator]();
  let bytes = Buffer.from(LINE_END);
  const more = async () => {
    const next = await chunks?.next();
    if (!next || next.done) return false;
    bytes = Buffer.concat([bytes, next.value]);
    return true;
  };
  return {
    get bytes() {
      return bytes;
    },
    drop: (count) => void (bytes = bytes.subarray(count)),
    more,
    async fill(count) {
      while (bytes.length < count) if (!(await more())) return false;
      return true;
    },
    async drain() {
      try {
        while ((await chunks?.next())?.done === false) continue;
      } catch {
        // The client has gone, and what is to be told was told before.
      }
    },
  };
}

function cut(): DaemonError {
  return new DaemonError("bad_request", "Cannot read the form: it ends before its last boundary");
}
