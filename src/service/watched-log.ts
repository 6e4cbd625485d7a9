import type { LogAttributes, Logger } from "../lib/logger.ts";
import { PLUGIN_LINES } from "../runtime/plugin-lines.ts";
import type { LiveEvents } from "./live-events.ts";

export interface WatchedPlugin {
  readonly pluginId: string;
  /** Undefined where its process serves all tenants. */
  readonly tenantId?: string | undefined;
}

const TYPES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(PLUGIN_LINES).map(([type, message]) => [message, type]),
);
/** Of a line that is shown to those who watch; a log file has it whole. */
const MAX_TEXT_CHARS = 8192;
const EVENT_BYTES = 300;

/**
 * The log of one plugin's runtime, whose every line is also an event for those who watch the plugin: what the plugin
 * logs, prints and writes to stderr, and what becomes of its process (`lifecycle`).
 */
export function watchedLog(
  log: Logger,
  { plugin, events }: { readonly plugin: WatchedPlugin; readonly events: Pick<LiveEvents, "publish"> },
): Logger {
  const line =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, attributes: LogAttributes = {}): void => {
      log[level](message, attributes);
      const type = TYPES[message];
      const text =
        type === undefined
          ? message
          : String(attributes["message"] ?? attributes["text"] ?? attributes["line"]);
      const shown = cut(text);
      events.publish({
        pluginId: plugin.pluginId,
        tenantId: plugin.tenantId,
        type: type ?? "lifecycle",
        data:
          type === undefined
            ? { level, message: shown, ...plain(attributes) }
            : { ...(type === "log" && { level }), text: shown },
        bytes: EVENT_BYTES + 2 * shown.length,
      });
    };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    with: (attributes) => watchedLog(log.with(attributes), { plugin, events }),
  };
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return `${text.slice(0, MAX_TEXT_CHARS)}… (${text.length} characters)`;
}

/** Texts and numbers alone: errors and objects are for the log, and may be large. */
function plain(attributes: LogAttributes): Readonly<Record<string, string | number | boolean>> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "number" || typeof value === "boolean") kept[name] = value;
    else if (typeof value === "string") kept[name] = cut(value);
    else if (value instanceof Error) kept[name] = cut(value.message);
  }
  return kept;
}
