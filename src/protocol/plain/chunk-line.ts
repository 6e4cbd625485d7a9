/** A chunk whose layout is known, told apart without parsing its line; `raw` is the text of its data, unproved. */
export interface ChunkLine {
  readonly sessionId: string | undefined;
  readonly requestId: string | undefined;
  readonly raw: string;
}

/** As JSON.stringify and most others write it, and as Python's json.dumps does. */
const LAYOUTS = ["", " "].map((space) => ({
  head: `{"type":${space}"stream_chunk",${space}`,
  sessionId: `"session_id":${space}"`,
  requestId: `"request_id":${space}"`,
  next: `",${space}`,
  data: `"data":${space}`,
}));
const CLOSE = 0x7d;
const MAX_KEPT_CHARS = 1024 * 1024;

/** Reads the line of `block` between two positions. Undefined where its layout is another one: it has to be parsed. */
export type ReadChunkLine = (block: string, from: number, to: number) => ChunkLine | undefined;

/**
 * Reads the lines of one connection. That `raw` is one JSON value proves a line.
 *
 * Chunks of one stream begin alike, so what stood before the data of the last one is compared first: its ids need
 * neither be looked for nor made anew, and are found quickly where they are looked up.
 */
export function createChunkLineReader(): ReadChunkLine {
  let last: Head | undefined;
  return (block, from, to) => {
    if (block.charCodeAt(to - 1) !== CLOSE) return undefined;
    const head = last && block.startsWith(last.text, from) ? last : readHead(block, from);
    if (!head) return undefined;
    // What is cut out of a block keeps all of it in memory.
    last = block.length <= MAX_KEPT_CHARS ? head : undefined;
    const { text, sessionId, requestId } = head;
    const at = from + text.length;
    return at < to ? { sessionId, requestId, raw: block.substring(at, to - 1) } : undefined;
  };
}

/** What stands before the data of a chunk. */
interface Head {
  readonly text: string;
  readonly sessionId: string | undefined;
  readonly requestId: string | undefined;
}

function readHead(block: string, from: number): Head | undefined {
  for (const layout of LAYOUTS) {
    if (!block.startsWith(layout.head, from)) continue;
    let at = from + layout.head.length;
    let sessionId: string | undefined;
    let requestId: string | undefined;
    if (block.startsWith(layout.sessionId, at)) {
      const start = at + layout.sessionId.length;
      const end = block.indexOf('"', start);
      sessionId = block.substring(start, end);
      at = end + layout.next.length;
      if (end < 0 || !block.startsWith(layout.next, end)) return undefined;
    }
    if (block.startsWith(layout.requestId, at)) {
      const start = at + layout.requestId.length;
      const end = block.indexOf('"', start);
      requestId = block.substring(start, end);
      at = end + layout.next.length;
      if (end < 0 || !block.startsWith(layout.next, end)) return undefined;
    }
    if (!block.startsWith(layout.data, at)) return undefined;
    // An escape is for the parser.
    if (sessionId?.includes("\\") || requestId?.includes("\\")) return undefined;
    return { text: block.substring(from, at + layout.data.length), sessionId, requestId };
  }
  return undefined;
}
