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

/**
 * Reads the line of `block` between two positions. Undefined where its layout is another one: such a line has to be
 * parsed. That `raw` is one JSON value proves the line.
 */
export function readChunkLine(block: string, from: number, to: number): ChunkLine | undefined {
  if (block.charCodeAt(to - 1) !== CLOSE) return undefined;
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
    if (!block.startsWith(layout.data, at) || at >= to) return undefined;
    // An escape is for the parser.
    if (sessionId?.includes("\\") || requestId?.includes("\\")) return undefined;
    return { sessionId, requestId, raw: block.substring(at + layout.data.length, to - 1) };
  }
  return undefined;
}
