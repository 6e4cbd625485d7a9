import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { noise, parseJson } from "../line.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../messages.ts";
import type { PluginError } from "../plugin-error.ts";
import { createAnswerItems, type Item } from "./answer-items.ts";
import { answerLine, readAnswer, readCallBack } from "./call-back.ts";
import { type ChunkLine, createChunkLineReader } from "./chunk-line.ts";
import { breakpointEvent, logEvent, reloadEvent } from "./debug-events.ts";
import { readError } from "./error.ts";
import { requestLine } from "./request-line.ts";
import { createSentMessages, type OpenRequest } from "./sent.ts";

export interface PlainCodecOptions {
  /** The daemon asks for signs of life; off where the manifest says `meta.runner.heartbeat: false`. Default: true. */
  readonly heartbeat?: boolean;
  /** Makes the id of a request. Default: a random UUID. */
  readonly createRequestId?: () => string;
}

/** A heartbeat by both readings of the article: its 3.4.1 asks by `type`, the sample of its 3.5 reads `action`. */
export const HEARTBEAT = '{"type":"heartbeat","action":"heartbeat"}\n';
const SESSION_ID = /"session_id"\s*:\s*"([^"\\]{1,128})"/;
const REQUEST_ID = /"request_id"\s*:\s*"([^"\\]{1,128})"/;
const ANSWER_TYPE = /^\s*\{\s*"type"\s*:\s*"(response|stream_start|stream_chunk|stream_end)"/;
/** What nests deeper could be read, but not be written: that costs stack. */
const MAX_DEPTH = 10_000;

interface Ids {
  readonly sessionId: unknown;
  readonly requestId: unknown;
}

type Message = Readonly<Record<string, unknown>>;

/**
 * The dialect of the article, one JSON object a line (contract/plain-protocol).
 *
 * It knows what it sent and has not seen answered, as answers may come without ids; so there is one for each
 * connection. Whatever a plugin writes, the worst that comes of it is the end of its own calls.
 */
export function createPlainCodec(options: PlainCodecOptions = {}): Codec {
  const { heartbeat: beats = true, createRequestId = () => crypto.randomUUID() } = options;
  const sent = createSentMessages({ beats });
  const readChunkLine = createChunkLineReader();

  function encode(message: DaemonMessage): string | undefined {
    switch (message.kind) {
      case "request": {
        const requestId = createRequestId();
        const { sessionId, session, data } = message;
        const items = createAnswerItems(data, { requestId });
        sent.request({ sessionId, requestId, appId: session.appId, items });
        return requestLine(message, requestId);
      }
      case "cancel": {
        const request = sent.cancel(message.sessionId);
        if (!request) return undefined;
        const line = `${JSON.stringify({ type: "cancel", request_id: request.requestId })}\n`;
        // One that does not beat, and streams nothing by its ids, does one thing at a time: it reads this when it is
        // over, and the article's sample would answer an error that nobody could tell from that of another request.
        if (!beats) return request.streamsById ? line : undefined;
        sent.heartbeat();
        return line + HEARTBEAT;
      }
      case "heartbeat":
        sent.heartbeat();
        return HEARTBEAT;
      case "continue":
      case "reload":
        return `{"type":"${message.kind}"}\n`;
      case "backwards_response": {
        const answer = readAnswer(message.data);
        const calls = sent.find({ sessionId: message.sessionId, requestId: undefined })?.calls;
        const spelling = calls?.get(answer.requestId);
        // An error and the one answer of a call that does not stream have ended it before.
        if (answer.event === "end" && spelling === undefined) return undefined;
        const { line, done } = answerLine(answer, spelling ?? "as it is");
        if (done) calls?.delete(answer.requestId);
        return line;
      }
    }
  }

  function decode(block: string): PluginEvent[] {
    const events: PluginEvent[] = [];
    for (let from = 0; from < block.length;) {
      const newline = block.indexOf("\n", from);
      const to = newline < 0 ? block.length : newline;
      const known = readChunkLine(block, from, to);
      if (!known || !decodeChunk(known, events)) {
        const line = block.substring(from, to).trim();
        if (line !== "") decodeLine(line, events);
      }
      from = to + 1;
    }
    return events;
  }

  /** The fast way: only the payload is parsed, which proves the line, and its own text goes on. */
  function decodeChunk(line: ChunkLine, events: PluginEvent[]): boolean {
    const value = parseJson(line.raw, MAX_DEPTH);
    if (value === undefined) return false;
    chunk(line, { value, raw: line.raw }, events);
    return true;
  }

  function decodeLine(line: string, events: PluginEvent[]): void {
    const message = parseJson(line, MAX_DEPTH);
    if (!isRecord(message)) {
      const owner = message === undefined ? ownerOfFragment(line) : undefined;
      if (owner) breakOff([owner], `a line is no JSON, or nests deeper than ${MAX_DEPTH} levels`, events);
      events.push(noise(line));
      return;
    }
    const ids: Ids = { sessionId: message["session_id"], requestId: message["request_id"] };
    const type = message["type"] ?? (message["status"] === undefined ? undefined : "response");
    switch (type) {
      case "response":
        return response(message, { ids, line, events });
      case "stream_start":
        return start({ ids, line, events });
      case "stream_chunk":
        return chunk(ids, dataOf(message, line), events);
      case "stream_end":
        return end(ids, dataOf(message, line), events);
      case "heartbeat_ack":
        sent.acknowledged();
        events.push({ kind: "heartbeat" });
        return;
      case "backwards":
        return callBack(message, { ids, line, events });
      case "log":
        events.push(logEvent(message, line));
        return;
      case "breakpoint":
        events.push(breakpointEvent(message, { line, sessionId: sent.find(ids)?.sessionId }));
        return;
      case "reload":
        events.push(reloadEvent(message, line));
        return;
      default: {
        const owner = sent.find(ids);
        if (owner) breakOff([owner], `unknown message type ${shown(type)}`, events);
        else events.push(noise(line));
      }
    }
  }

  function start({ ids, line, events }: Context): void {
    const request = hasIds(ids) ? sent.find(ids) : sent.next();
    if (request) {
      sent.begin(request);
      request.streamsById ||= hasIds(ids);
    } else if (hasIds(ids) || !cannotTell("a stream_start", events)) events.push(noise(line));
  }

  function chunk(ids: Ids, data: Item, events: PluginEvent[]): void {
    const request = streamOf(ids, "a stream_chunk", events);
    if (!request) return;
    sent.begin(request);
    if (data.value === undefined) breakOff([request], 'a stream_chunk needs "data"', events);
    else give(request, request.items.chunk(data), events);
  }

  function end(ids: Ids, data: Item, events: PluginEvent[]): void {
    const request = streamOf(ids, "a stream_end", events);
    if (!request) return;
    sent.finish(request);
    if (request.abandoned) return;
    give(request, request.items.end(data), events);
    events.push({ kind: "end", sessionId: request.sessionId });
  }

  /** The stream that a chunk or an end is about. Where that cannot be told, each open one ends with an error. */
  function streamOf(ids: Ids, what: string, events: PluginEvent[]): OpenRequest | undefined {
    let request: OpenRequest | undefined;
    if (hasIds(ids)) request = sent.find(ids);
    else if (sent.streams.size === 1) [request] = sent.streams;
    else if (sent.streams.size > 1) {
      const live = [...sent.streams].filter(({ abandoned }) => !abandoned);
      breakOff(live, `${what} without ids came while ${sent.streams.size} streams were open`, events);
      // Nobody waits for any of them, so it is as good as the first one's.
      if (live.length === 0) [request] = sent.streams;
    } else if (sent.open.length === 1) [request] = sent.open;
    if (!request) events.push(noise(`${what} of no open request`));
    return request;
  }

  function response(message: Message, { ids, line, events }: Context): void {
    const failed = message["status"] === "error" || (message["error"] ?? undefined) !== undefined;
    let request: OpenRequest | undefined;
    if (hasIds(ids)) request = sent.find(ids);
    else {
      if (failed && sent.takeCancel()) return;
      request = sent.next();
      if (!request && cannotTell(failed ? "an error" : "a response", events)) return;
    }
    if (!request) {
      events.push(noise(line));
      return;
    }
    sent.finish(request);
    if (request.abandoned) return;
    const { sessionId, items } = request;
    if (failed) {
      events.push({ kind: "error", sessionId, error: readError(message["error"]) });
      return;
    }
    const data = dataOf(message, line);
    const none = data.value === undefined || data.value === null;
    give(request, none ? [] : items.chunk(data), events);
    if (none) give(request, items.end({ value: undefined, raw: "" }), events);
    events.push({ kind: "end", sessionId });
  }

  /** Whether several calls wait for it; each of them ends with an error then. */
  function cannotTell(what: string, events: PluginEvent[]): boolean {
    const live = sent.open.filter(({ abandoned }) => !abandoned);
    if (sent.open.length < 2 || live.length === 0) return false;
    breakOff(live, `${what} without ids came while ${sent.open.length} requests were open`, events);
    return true;
  }

  function callBack(message: Message, { ids, line, events }: Context): void {
    const { sessionId } = ids;
    const named = typeof sessionId === "string";
    const live = named ? [] : sent.open.filter(({ abandoned }) => !abandoned);
    const request = named ? sent.find({ sessionId, requestId: undefined }) : live[0];
    // Whose call it is decides what it may do: a guess could hand one tenant's data to another.
    if (live.length > 1)
      return breakOff(
        live,
        `a call back without session_id came while ${live.length} requests were open`,
        events,
      );
    if (!request || request.abandoned) {
      events.push(noise(line));
      return;
    }
    const { raw, value, spelling } = readCallBack({
      action: message["action"],
      requestId: ids.requestId,
      data: message["data"] ?? {},
      raw: dataOf(message, line).raw || "{}",
      appId: request.appId,
    });
    if (typeof ids.requestId === "string") request.calls.set(ids.requestId, spelling);
    events.push({ kind: "invoke", sessionId: request.sessionId, request: value, raw });
  }

  function decodeOversize(head: string, sizeBytes: number, limitBytes: number): PluginEvent {
    const owner = ownerOfFragment(head);
    if (!owner && !head.trimStart().startsWith("{"))
      return noise(`${head}… (${sizeBytes} bytes; the limit is ${limitBytes})`);
    if (owner) {
      // A response that was cut off was all of its answer; of a stream there is more to come.
      if (ANSWER_TYPE.exec(head)?.[1] === "response") sent.finish(owner);
      else sent.abandon(owner);
    }
    return { kind: "oversize", sessionId: owner?.sessionId, sizeBytes, limitBytes };
  }

  /** Whose a broken line is, if its text tells. */
  function ownerOfFragment(text: string): OpenRequest | undefined {
    const requestId = REQUEST_ID.exec(text)?.[1];
    const sessionId = SESSION_ID.exec(text)?.[1];
    const type = ANSWER_TYPE.exec(text)?.[1];
    let owner: OpenRequest | undefined;
    // A call back has a request_id of the plugin's own, so the session is asked as well.
    if (requestId !== undefined || sessionId !== undefined)
      owner = sent.find({ sessionId, requestId }) ?? sent.find({ sessionId, requestId: undefined });
    else if (type !== undefined && sent.streams.size === 1) [owner] = sent.streams;
    else if (type !== undefined && sent.open.length === 1) [owner] = sent.open;
    return owner?.abandoned === false ? owner : undefined;
  }

  function breakOff(requests: readonly OpenRequest[], why: string, events: PluginEvent[]): void {
    for (const request of requests) {
      if (request.abandoned) continue;
      sent.abandon(request);
      events.push({ kind: "broken", sessionId: request.sessionId, error: protocolError(why) });
    }
  }

  function unsent(message: DaemonMessage): void {
    const request =
      message.kind === "request" && sent.find({ sessionId: message.sessionId, requestId: undefined });
    if (request) sent.forget(request);
  }

  return { name: "plain", decode, decodeOversize, encode, unsent };
}

interface Context {
  readonly ids: Ids;
  readonly line: string;
  readonly events: PluginEvent[];
}

function give(request: OpenRequest, items: readonly Item[], events: PluginEvent[]): void {
  if (request.abandoned) return;
  for (const { value, raw } of items) events.push({ kind: "item", sessionId: request.sessionId, value, raw });
}

function hasIds({ sessionId, requestId }: Ids): boolean {
  return (sessionId ?? undefined) !== undefined || (requestId ?? undefined) !== undefined;
}

function dataOf(message: Message, line: string): Item {
  const { data: value } = message;
  return { value, raw: value === undefined ? "" : (rawMember(line, ["data"]) ?? "null") };
}

function shown(type: unknown): string {
  return typeof type === "string" ? JSON.stringify(type.slice(0, 64)) : "(none)";
}

function protocolError(why: string): PluginError {
  return { error_type: "PluginProtocolError", message: `Cannot follow the plugin: ${why}` };
}
