import { isRecord } from "../../lib/is-record.ts";
import { rawMember, skipJsonValue } from "../../lib/json-scan.ts";
import { cutNoise, logLevel, noise, parseJson } from "../line.ts";
import type { PluginEvent } from "../messages.ts";
import type { PluginError } from "../plugin-error.ts";

/** The layout in which every SDK writes its result items and calls back; what has it is forwarded as the plugin's own text. */
const HEAD = '{"event":"session","session_id":"';
const ITEM = '","data":{"type":"stream","data":';
const INVOKE = '","data":{"type":"invoke","data":';
const END = '","data":{"type":"end","data":{}}}';
const TAIL = "}}";
/** More entries in `args` than an error may have make it malformed (contract/plugin-wire 0.3). */
const MAX_ERROR_ARGS = 10;

/**
 * Decodes a block of complete lines of the SDK's dialect (contract/plugin-wire 0.2, 0.3, 1.3).
 *
 * The envelope of an item is compared as text and only its payload is parsed: that proves the line, gives the value to
 * check, and leaves the payload's own text to forward. Any other layout takes the slow path.
 */
export function decodeBlock(block: string): PluginEvent[] {
  const events: PluginEvent[] = [];
  const length = block.length;
  for (let from = 0; from < length;) {
    const newline = block.indexOf("\n", from);
    const to = newline < 0 ? length : newline;
    if (to > from) decodeLine(block, from, to, events);
    from = to + 1;
  }
  return events;
}

function decodeLine(block: string, from: number, to: number, events: PluginEvent[]): void {
  if (block.startsWith(HEAD, from)) {
    const idAt = from + HEAD.length;
    const idEnd = block.indexOf('"', idAt);
    const isItem = block.startsWith(ITEM, idEnd);
    if (
      idEnd > idAt &&
      idEnd < to &&
      (isItem || block.startsWith(INVOKE, idEnd)) &&
      block.startsWith(TAIL, to - TAIL.length)
    ) {
      // Both are of one length.
      const raw = block.substring(idEnd + ITEM.length, to - TAIL.length);
      const value = parseJson(raw);
      const sessionId = block.substring(idAt, idEnd);
      if (value !== undefined && !sessionId.includes("\\")) {
        events.push(
          isItem
            ? { kind: "item", sessionId, raw, value }
            : { kind: "invoke", sessionId, raw, request: value },
        );
        return;
      }
    } else if (idEnd > idAt && to - idEnd === END.length && block.startsWith(END, idEnd)) {
      events.push({ kind: "end", sessionId: block.substring(idAt, idEnd) });
      return;
    }
  }
  const line = block.substring(from, to).trim();
  if (line !== "") decodeAnyLine(line, events);
}

/** Accepts several objects on one line, and text glued before the first message by a plugin's `print(…, end="")`. */
function decodeAnyLine(line: string, events: PluginEvent[]): void {
  const whole = parseJson(line);
  if (whole !== undefined) {
    events.push(decodeMessage(whole, line));
    return;
  }
  const start = line.indexOf('{"event"');
  if (start < 0) {
    events.push(noise(line));
    return;
  }
  if (start > 0) events.push(noise(line.substring(0, start)));
  for (let at = start; at < line.length;) {
    const end = endOfValue(line, at);
    const text = end === undefined ? undefined : line.substring(at, end);
    const value = text === undefined ? undefined : parseJson(text);
    if (end === undefined || text === undefined || value === undefined) {
      events.push(noise(line.substring(at)));
      return;
    }
    events.push(decodeMessage(value, text));
    at = end;
    while (line[at] === " ") at++;
  }
}

function endOfValue(text: string, at: number): number | undefined {
  try {
    return skipJsonValue(text, at);
  } catch {
    return undefined;
  }
}

function decodeMessage(value: unknown, line: string): PluginEvent {
  if (!isRecord(value)) return noise(line);
  switch (value["event"]) {
    case "session":
      return decodeSession(value, line);
    case "heartbeat":
      return { kind: "heartbeat" };
    case "log": {
      const data = isRecord(value["data"]) ? value["data"] : {};
      return {
        kind: "log",
        level: logLevel(data["level"]),
        message: textOf(data["message"], line, ["data", "message"]),
      };
    }
    default:
      // The manifest line, `error` events (they never end a local session) and everything unknown.
      return noise(line);
  }
}

/** A text, or else the plugin's own writing of the value: what nests deep can be parsed in no time, but not written. */
function textOf(value: unknown, line: string, path: readonly string[]): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : cutNoise(rawMember(line, path) ?? "");
}

function decodeSession(value: Record<string, unknown>, line: string): PluginEvent {
  const sessionId = value["session_id"];
  const message = value["data"];
  // Without `type` or `data` a session message is logged and ignored; `data: null` is fine.
  if (typeof sessionId !== "string" || !isRecord(message) || !("data" in message)) return noise(line);
  const type = message["type"];
  const data = message["data"];
  switch (type) {
    case "stream":
      return {
        kind: "item",
        sessionId,
        raw: rawMember(line, ["data", "data"]) ?? JSON.stringify(data),
        value: data,
      };
    case "end":
      return { kind: "end", sessionId };
    case "error": {
      const error = decodeError(data);
      return error ? { kind: "error", sessionId, error } : noise(line);
    }
    case "invoke":
      return {
        kind: "invoke",
        sessionId,
        request: data,
        raw: rawMember(line, ["data", "data"]) ?? JSON.stringify(data),
      };
    default:
      if (type === undefined) return noise(line);
      return {
        kind: "broken",
        sessionId,
        error: {
          error_type: "unknown_stream_message_type",
          message: `unknown stream message type: ${textOf(type, line, ["data", "type"])}`,
        },
      };
  }
}

/** Undefined for a malformed error object: it is ignored, and the `end` that follows closes the session. */
function decodeError(data: unknown): PluginError | undefined {
  if (!isRecord(data)) return undefined;
  const { error_type: type = "", message = "", args = null } = data;
  if (typeof type !== "string" || typeof message !== "string") return undefined;
  if (args !== null && !isRecord(args)) return undefined;
  if (args !== null && Object.keys(args).length > MAX_ERROR_ARGS) return undefined;
  return { error_type: type, message, args: args ?? {} };
}
