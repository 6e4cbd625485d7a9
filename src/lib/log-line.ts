import { errorStack } from "./describe-error.ts";
import type { LogAttributes } from "./logger.ts";
import { redact, redactText } from "./redact.ts";

export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";
export type LogFormat = "text" | "json";

export interface LogRecord {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly attributes: LogAttributes;
}

const SERVICE = "plugd";
const TRACE = ["trace_id", "span_id"] as const;
const IDENTITY = ["tenant_id", "user_id", "user_type"] as const;
const PROMOTED: ReadonlySet<string> = new Set([...TRACE, ...IDENTITY]);

/**
 * One record as it is written, with its final newline (lifecycle.md 9.1). Text attributes named `trace_id`, `span_id`,
 * `tenant_id`, `user_id` and `user_type` take the places that the formats have for them.
 */
export function formatLogLine(record: LogRecord, format: LogFormat): string {
  const context: Record<string, string> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record.attributes)) {
    if (typeof value === "string" && PROMOTED.has(name)) context[name] = redactText(value);
    else rest[name] = value;
  }
  const line = {
    ts: formatTime(record.time),
    severity: record.level,
    message: redactText(record.message),
    context,
    attributes: Object.entries(Object(redact(rest))).filter(([, value]) => value !== undefined),
    stack: record.level === "ERROR" ? stacks(record.attributes) : "",
  };
  return format === "json" ? jsonLine(line) : textLine(line);
}

interface Line {
  readonly ts: string;
  readonly severity: LogLevel;
  readonly message: string;
  readonly context: Readonly<Record<string, string>>;
  readonly attributes: readonly (readonly [string, unknown])[];
  /** Empty when there is none. */
  readonly stack: string;
}

function jsonLine({ ts, severity, message, context, attributes, stack }: Line): string {
  const identity = pick(context, IDENTITY);
  const entry = {
    ts,
    severity,
    service: SERVICE,
    message,
    ...pick(context, TRACE),
    ...(Object.keys(identity).length > 0 ? { identity } : {}),
    ...(attributes.length > 0 ? { attributes: Object.fromEntries(attributes) } : {}),
    ...(stack === "" ? {} : { stack_trace: stack }),
  };
  return `${JSON.stringify(entry)}\n`;
}

function textLine({ ts, severity, message, context, attributes, stack }: Line): string {
  const parts = [
    ts,
    severity,
    SERVICE,
    ...Object.entries(pick(context, ["trace_id", "tenant_id", "user_id"])).map(pair),
    // A message is prose: its spaces are fine, but nothing in it may look like a line of its own.
    hasControls(message) ? quote(message) : message,
    ...attributes.map(pair),
  ];
  return `${parts.join(" ")}\n${stack === "" ? "" : `${stack}\n`}`;
}

function pair([name, value]: readonly [string, unknown]): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `${name}=${text === "" || /[\s"=]/.test(text) || hasControls(text) ? quote(text) : text}`;
}

function stacks(attributes: LogAttributes): string {
  return Object.values(attributes)
    .filter((value) => value instanceof Error)
    .map((error) => redactText(errorStack(error)))
    .join("\n");
}

function pick(context: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = context[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

const CONTROLS = /[\p{Cc}\u2028\u2029]/u;

function hasControls(text: string): boolean {
  return CONTROLS.test(text);
}

/** As JSON, and with the control characters that JSON leaves alone escaped: a terminal obeys some of them. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** RFC 3339 in the local zone, with milliseconds. */
function formatTime(time: Date): string {
  const east = -time.getTimezoneOffset();
  if (east === 0) return time.toISOString();
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const away = Math.abs(east);
  const zone = `${east < 0 ? "-" : "+"}${two(Math.floor(away / 60))}:${two(away % 60)}`;
  return `${date}T${clock}.${String(time.getMilliseconds()).padStart(3, "0")}${zone}`;
}
