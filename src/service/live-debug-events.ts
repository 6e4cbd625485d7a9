import type { Breakpoint, Reload } from "../protocol/messages.ts";
import type { LiveEvents } from "./live-events.ts";

/** A plugin for one tenant, or for all that its process serves. */
export interface DebuggedPluginOf {
  readonly pluginId: string;
  readonly tenantId: string | undefined;
}

/** What happens while a plugin is debugged, as events for those who watch it. */
export interface LiveDebugEvents {
  breakpoint(plugin: DebuggedPluginOf, breakpoint: Breakpoint): void;
  continued(plugin: DebuggedPluginOf): void;
  reload(plugin: DebuggedPluginOf, reload: Pick<Reload, "status" | "message">): void;
}

const EVENT_BYTES = 300;
/** Of the JSON of one variable, and of all of them. */
const MAX_VARIABLE_CHARS = 8 * 1024;
const MAX_CHARS = 64 * 1024;
const MAX_TEXT_CHARS = 8 * 1024;

export function liveDebugEvents(events: Pick<LiveEvents, "publish">): LiveDebugEvents {
  function publish(plugin: DebuggedPluginOf, type: string, data: Readonly<Record<string, unknown>>): void {
    const { pluginId, tenantId } = plugin;
    events.publish({
      pluginId,
      tenantId,
      type,
      data,
      bytes: EVENT_BYTES + 2 * JSON.stringify(data).length,
    });
  }

  return {
    breakpoint(plugin, { sessionId, file, line, variables }) {
      publish(plugin, "breakpoint", {
        file: file.slice(0, MAX_TEXT_CHARS),
        line,
        // The process of an installed plugin works for many tenants, and this is one's alone.
        variables: plugin.tenantId === undefined ? {} : shown(variables),
        ...(sessionId !== undefined && { session_id: sessionId }),
      });
    },
    continued: (plugin) => publish(plugin, "continue", {}),
    reload: (plugin, { status, message }) =>
      publish(plugin, "reload", {
        status: status.slice(0, MAX_TEXT_CHARS),
        message: message.slice(0, MAX_TEXT_CHARS),
      }),
  };
}

/** What is too large becomes the beginning of its text; what does not fit any more is left out. */
function shown(variables: Breakpoint["variables"]): Readonly<Record<string, unknown>> {
  const kept: [string, unknown][] = [];
  let chars = 0;
  for (const [name, value] of Object.entries(variables)) {
    const text = JSON.stringify(value) ?? "null";
    const cut = text.length > MAX_VARIABLE_CHARS ? `${text.slice(0, MAX_VARIABLE_CHARS)}…` : undefined;
    chars += name.length + (cut ?? text).length;
    if (chars > MAX_CHARS) {
      kept.push(["…", `${Object.keys(variables).length - kept.length} more`]);
      break;
    }
    kept.push([name, cut ?? value]);
  }
  return Object.fromEntries(kept);
}
