import { isRecord } from "../../lib/is-record.ts";
import { objectMembers, rawMember } from "../../lib/json-scan.ts";
import { toOneLine } from "../actions/one-line.ts";
import type { FunctionUsage } from "../invocation.ts";
import { parseJson } from "../line.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../messages.ts";
import type { PluginError } from "../plugin-error.ts";
import { innerError, runtimeError } from "./failure.ts";
import { isLast } from "./function-answer.ts";

type Request = Extract<DaemonMessage, { kind: "request" }>;

/** What of a function's answer an error quotes. */
const QUOTED_CHARS = 4096;

/**
 * The body of a request as the article has it (contract/plain-protocol 6): the plain dialect's message without its
 * envelope, its `data` spread out, and whoever calls in `context`. `line` is that message.
 */
export function sriBody(line: string, request: Request): string {
  const text = line.trimEnd();
  const data = rawMember(text, ["data"]) ?? "{}";
  const members = objectMembers(data, 0)
    .filter(({ key }) => key !== "user_id")
    .map(({ key, start, end }) => `${JSON.stringify(key)}:${data.substring(start, end)}`);
  const context = rawMember(text, ["context"]) ?? ownContext(request.data["user_id"]);
  const head = ["action", "plugin_type"].map((key) => `"${key}":${rawMember(text, [key]) ?? "null"}`);
  return `{${[...head, ...members, `"context":${context}`].join(",")}}`;
}

function ownContext(userId: unknown): string {
  return JSON.stringify(typeof userId === "string" && userId !== "" ? { user_id: userId } : {});
}

export interface SriAnswerOptions {
  /** The plain dialect, which has encoded the request. */
  readonly codec: Codec;
  readonly sessionId: string;
  readonly status: number;
  readonly onUsage: (usage: FunctionUsage) => void;
}

/** An answer as the article has it; of either kind. A failure is an event as everything else. */
export interface SriAnswer {
  /** A body that is one JSON object, possibly in the wrapping of a Lambda proxy. */
  unary(body: string): readonly PluginEvent[];
  /** One event of a stream. The call is over with an `end`, `error` or `broken` among what it becomes. */
  event(name: string, data: string): readonly PluginEvent[];
  /** The stream has broken off. */
  finish(): PluginEvent;
}

export function createSriAnswer(options: SriAnswerOptions): SriAnswer {
  const { codec, sessionId } = options;

  function failed(error: PluginError): PluginEvent {
    return { kind: "error", sessionId, error };
  }

  /** The dialect reads it, as if a process had written it. What it takes for no message is none here either. */
  function pass(line: string): readonly PluginEvent[] {
    return codec
      .decode(`${toOneLine(line)}\n`)
      .map((event) =>
        event.kind === "noise" ? failed(innerError(`encountered an error: ${event.text}`)) : event,
      );
  }

  function unary(body: string, status: number): readonly PluginEvent[] {
    const text = body.trim();
    const value = parseJson(text);
    if (!isRecord(value)) {
      if (status >= 400) return [failed(runtimeError({ status, body: text, fallback: `status ${status}` }))];
      return [failed(innerError(`encountered an error: ${text.slice(0, QUOTED_CHARS)}`))];
    }
    const inner = value["body"];
    if (typeof value["statusCode"] === "number" && (typeof inner === "string" || isRecord(inner)))
      return unary(
        typeof inner === "string" ? inner : (rawMember(text, ["body"]) ?? "{}"),
        value["statusCode"],
      );
    tellUsage(value["usage"]);
    if (status >= 400 || (value["error"] ?? undefined) !== undefined || value["status"] === "error")
      return [failed(readFailure(value, { text, status }))];
    // Last, so that it wins over whatever the function calls by that name.
    const comma = Object.keys(value).length === 0 ? "" : ",";
    return pass(`${text.slice(0, -1)}${comma}"type":"response"}`);
  }

  function tellUsage(usage: unknown): void {
    if (!isRecord(usage)) return;
    const number = (key: string) => (typeof usage[key] === "number" ? usage[key] : undefined);
    options.onUsage({ executionMs: number("execution_time_ms"), memoryMb: number("memory_used_mb") });
  }

  return {
    unary: (body) => unary(body, options.status),
    event(name, data) {
      const value = parseJson(data);
      switch (name) {
        case "start":
          return [];
        case "end":
          if (isRecord(value)) tellUsage(value["usage"]);
          return pass(`{"type":"stream_end","data":${value === undefined ? "{}" : data}}`);
        case "error": {
          const error = isRecord(value) ? value : { error: data };
          return [
            failed(readFailure(error["error"] === undefined ? { error } : error, { text: data, status: 0 })),
          ];
        }
        case "chunk":
        case "message": {
          if (value === undefined)
            return [failed(innerError(`encountered an error: ${data.slice(0, QUOTED_CHARS)}`))];
          const events = pass(`{"type":"stream_chunk","data":${data}}`);
          const last = events.findIndex(isLast);
          return last < 0 ? events : events.slice(0, last + 1);
        }
        default:
          // For readers of a later version.
          return [];
      }
    },
    finish: () => failed(innerError("failed to read response body: the stream broke off before its end")),
  };
}

/** More than an error's `args` may have (contract/plugin-wire 0.3). */
const MAX_ARGS = 10;

/** `{"error": "text"}` or `{"error": {"type", "message", "code"}}` (article 5.4.1, 7.3), or the platform's own report. */
function readFailure(
  value: Readonly<Record<string, unknown>>,
  { text, status }: { readonly text: string; readonly status: number },
): PluginError {
  const { error } = value;
  const code = status >= 400 ? { status_code: status } : {};
  if (typeof error === "string") return { error_type: "PluginError", message: error, args: code };
  if (!isRecord(error)) return runtimeError({ status, body: text, fallback: `status ${status}` });
  const { type, message, ...rest } = error;
  return {
    error_type: typeof type === "string" && type !== "" ? type : "PluginError",
    message: typeof message === "string" ? message : "",
    args: Object.fromEntries(Object.entries({ ...rest, ...code }).slice(0, MAX_ARGS)),
  };
}
