import { isRecord } from "../../lib/is-record.ts";
import { parseJson } from "../line.ts";
import type { PluginEvent } from "../messages.ts";
import { decodeBlock } from "../sdk/decode.ts";
import { innerError, isRuntimeFailure, runtimeError } from "./failure.ts";

/** What of a function's own line an error quotes. */
const QUOTED_CHARS = 4096;

export interface FunctionAnswer {
  /**
   * Decodes a block of complete lines. The call is over with an `end`, `error` or `broken` among the events; nothing
   * follows it.
   */
  decode(block: string): readonly PluginEvent[];
  /** The body has ended without an `end`. */
  finish(): PluginEvent;
}

/**
 * The answer of one function (contract/plugin-wire 3.4): the messages of the SDK, more strictly read than those of a
 * process. `session_id` within is not looked at; what comes belongs to the session that asked.
 */
export function createFunctionAnswer(
  sessionId: string,
  { status }: { readonly status: number },
): FunctionAnswer {
  let seen = false;

  function take(event: PluginEvent, line: string): PluginEvent {
    switch (event.kind) {
      case "item":
      case "end":
      case "error":
      case "broken":
        seen = true;
        return { ...event, sessionId };
      case "invoke":
        return broken(sessionId, {
          error_type: "serverless_event_not_supported",
          message: "serverless event is not supported by full duplex",
        });
      case "noise":
      case "oversize":
        return { kind: "error", sessionId, error: explain(line, status) };
      default:
        // Logs and signs of life.
        return event;
    }
  }

  /** Line by line, since a line that is no message ends the call with its own text. */
  function decodeSlowly(block: string): readonly PluginEvent[] {
    const events: PluginEvent[] = [];
    for (const line of block.split("\n")) {
      if (line.trim() === "") continue;
      for (const event of decodeBlock(line)) {
        const taken = take(event, line);
        events.push(taken);
        if (isLast(taken)) return events;
      }
    }
    return events;
  }

  return {
    decode(block) {
      const events = decodeBlock(block);
      // Nearly every block is nothing but items of this session, and goes on as it is.
      for (let at = 0; at < events.length; at++) {
        const event = events[at];
        if (!event) continue;
        if (event.kind === "item" && event.sessionId === sessionId) {
          seen = true;
          continue;
        }
        if (event.kind === "noise" || event.kind === "oversize") return decodeSlowly(block);
        const taken = take(event, "");
        events[at] = taken;
        if (isLast(taken)) return events.slice(0, at + 1);
      }
      return events;
    },
    finish: () =>
      seen
        ? { kind: "end", sessionId }
        : {
            kind: "error",
            sessionId,
            error: runtimeError({ status, body: "", fallback: "no valid session response" }),
          },
  };
}

export function isLast({ kind }: PluginEvent): boolean {
  return kind === "end" || kind === "error" || kind === "broken";
}

function broken(sessionId: string, error: Extract<PluginEvent, { kind: "broken" }>["error"]): PluginEvent {
  return { kind: "broken", sessionId, error };
}

/** A line that is no message of the plugin. */
function explain(line: string, status: number) {
  const text = line.trim().slice(0, QUOTED_CHARS);
  const value = parseJson(line);
  if (isRuntimeFailure(value))
    return runtimeError({ status, body: line.slice(0, QUOTED_CHARS), fallback: "Lambda runtime error" });
  if (isRecord(value) && value["event"] === "session")
    return innerError(`failed to parse session message ${text}, err: it needs a session_id, a type and data`);
  // An `error` event carries its words in `data`.
  const said = isRecord(value) && value["event"] === "error" ? value["data"] : undefined;
  return innerError(`encountered an error: ${typeof said === "string" ? said : text}`);
}
