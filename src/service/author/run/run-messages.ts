import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { JsonSyntaxError, parseExact } from "../../../lib/exact-json.ts";

/** How messages look: `json` for programs, `text` for people (contract/plugin-package 7.3). */
export type RunFormat = "text" | "json";

export type RunMessageType = "info" | "plugin_ready" | "plugin_response" | "error" | "plugin_invoke_end";

export interface RunMessage {
  /** Empty for what belongs to no call. */
  readonly invokeId: string;
  readonly type: RunMessageType;
  /** JSON text of an object. */
  readonly response: string;
}

const Request = Type.Object({
  invoke_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  type: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  action: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  request: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

/** A call as a client asks for it. */
export type RunRequest =
  | {
      readonly ok: true;
      readonly invokeId: string;
      readonly type: string;
      readonly action: string;
      /** The payload, digits and all. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly ok: false; readonly invokeId: string; readonly problem: string };

/** Reads a line of a client. */
export function parseRunRequest(line: string): RunRequest {
  try {
    const { value, exact } = parseExact(line);
    if (!Value.Check(Request, value))
      return { ok: false, invokeId: idOf(value), problem: `invalid request: ${firstProblem(value)}` };
    const { invoke_id, type, action } = value;
    const invokeId = invoke_id ?? "";
    if (!type || !action) return { ok: false, invokeId, problem: "action and type are required" };
    return { ok: true, invokeId, type, action, fields: fieldsOf(exact) };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { ok: false, invokeId: "", problem: `invalid request: ${error.message}` };
  }
}

function fieldsOf(exact: unknown): Readonly<Record<string, unknown>> {
  return Value.Check(Request, exact) ? (exact.request ?? {}) : {};
}

function idOf(value: unknown): string {
  const given = typeof value === "object" && value !== null && "invoke_id" in value ? value.invoke_id : "";
  return typeof given === "string" ? given : "";
}

function firstProblem(value: unknown): string {
  const problem = Value.Errors(Request, value).First();
  return problem ? `${problem.path.slice(1) || "it"} is of a wrong type` : "it is of a wrong type";
}

/** A message as it is written, with its end. */
export function formatRunMessage({ invokeId, type, response }: RunMessage, format: RunFormat): string {
  return format === "json"
    ? `{"invoke_id":${JSON.stringify(invokeId)},"type":"${type}","response":${response}}\n`
    : `[${type}] ${formatMap(JSON.parse(response))}\n\n`;
}

/** A value as the reference's text mode prints it: `map[a:1 b:[x y]]`, keys sorted. */
function formatMap(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(formatMap).join(" ")}]`;
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${formatMap(item)}`).join(" ")}]`;
}
