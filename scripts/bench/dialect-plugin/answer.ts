/** The parameters of the tool, as both dialects carry them. */
interface EmitParameters {
  /** Items of the answer. */
  readonly count?: number;
  /** Characters of an item. */
  readonly size?: number;
}

type Values = Readonly<Record<string, unknown>>;

/** Some 64 KiB of text are written at once, as by a program that fills the buffer of its output. */
const BLOCK_CHARS = 65_536;

/**
 * Answers one line of the daemon, in the dialect that the line is written in, piece by piece; nothing where it is no
 * request. Items are the same text over and over: what relays them is measured, not this.
 */
export function* answer(line: string): Generator<string, void, void> {
  const message = JSON.parse(line) as Values;
  if (message["type"] === "heartbeat") {
    yield '{"type":"heartbeat_ack"}\n';
    return;
  }
  const data = message["data"] as Values;
  if (message["type"] === "invoke") {
    const { count, text } = wanted(data["parameters"]);
    const id = `"session_id":"${String(message["session_id"])}","request_id":"${String(message["request_id"])}"`;
    if (count === 1) {
      yield `{"type":"response",${id},"status":"success","data":{"type":"text","content":${text}}}\n`;
      return;
    }
    yield `{"type":"stream_start",${id}}\n`;
    yield* repeat(`{"type":"stream_chunk",${id},"data":{"content":${text}}}\n`, count);
    yield `{"type":"stream_end",${id},"data":{}}\n`;
    return;
  }
  if (message["event"] !== "request") return;
  const { count, text } = wanted(data["tool_parameters"]);
  const head = `{"event":"session","session_id":"${String(message["session_id"])}","data":`;
  const item = `${head}{"type":"stream","data":{"type":"text","message":{"text":${text}},"meta":null}}}\n\n`;
  const end = `${head}{"type":"end","data":{}}}\n\n`;
  if (count === 1) yield item + end;
  else {
    yield* repeat(item, count);
    yield end;
  }
}

function wanted(parameters: unknown): { readonly count: number; readonly text: string } {
  const { count = 1, size = 32 } = parameters as EmitParameters;
  return { count, text: `"${"x".repeat(size)}"` };
}

function* repeat(item: string, count: number): Generator<string, void, void> {
  const step = Math.max(1, Math.floor(BLOCK_CHARS / item.length));
  const block = count >= step ? item.repeat(step) : "";
  let left = count;
  for (; left >= step; left -= step) yield block;
  if (left > 0) yield item.repeat(left);
}
