import { isRecord } from "../../lib/is-record.ts";
import { findNesting, rawMember } from "../../lib/json-scan.ts";
import { logLevel } from "../line.ts";
import type { PluginEvent } from "../messages.ts";

/* What a plugin tells whoever watches it (contract/plain-protocol 5). `line` is the message's own text. */

/** Variables that nest deeper are not shown. */
const MAX_SHOWN_DEPTH = 256;
const MAX_SHOWN_CHARS = 1024;

type Message = Readonly<Record<string, unknown>>;

export function logEvent(message: Message, line: string): PluginEvent {
  const { level, timestamp } = message;
  const at = typeof timestamp === "string" ? { timestamp } : {};
  return { kind: "log", level: logLevel(level), message: textOf(message["message"], line, "message"), ...at };
}

export function reloadEvent(message: Message, line: string): PluginEvent {
  const { status, declaration } = message;
  return {
    kind: "reload",
    status: textOf(status, line, "status") || "success",
    message: textOf(message["message"], line, "message"),
    ...((declaration ?? undefined) !== undefined && { declaration }),
  };
}

export function breakpointEvent(
  message: Message,
  { line, sessionId }: { readonly line: string; readonly sessionId: string | undefined },
): PluginEvent {
  const { file, line: number, variables } = message;
  const deep = findNesting(line, MAX_SHOWN_DEPTH) !== undefined;
  return {
    kind: "breakpoint",
    sessionId,
    file: textOf(file, line, "file"),
    line: typeof number === "number" ? number : 0,
    variables: isRecord(variables) && !deep ? variables : {},
  };
}

/** A text, or else the plugin's own writing of the value. */
function textOf(value: unknown, line: string, key: string): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null
    ? ""
    : (rawMember(line, [key]) ?? "").slice(0, MAX_SHOWN_CHARS);
}
