import { isRecord } from "../../lib/is-record.ts";
import type { Logger } from "../../lib/logger.ts";
import { parseJson } from "../../protocol/line.ts";
import type { Breakpoint, LogLevel, Reload } from "../../protocol/messages.ts";
import { breakpointEvent, logEvent, reloadEvent } from "../../protocol/plain/debug-events.ts";
import type { TcpChannel } from "../../transport/tcp.ts";
import { type LineReader, LineTooLongError } from "./line-reader.ts";

/** A plugin of one tenant. */
export interface HelpedPlugin {
  readonly tenantId: string;
  readonly pluginId: string;
}

/** What helpers tell. */
export interface HelperObserver {
  log(plugin: HelpedPlugin, line: { readonly level: LogLevel; readonly message: string }): void;
  /** The plugin stands still until it is told to go on. */
  breakpoint(plugin: HelpedPlugin, breakpoint: Breakpoint): void;
  /** A helper that had reported breakpoints is gone, and with it what stood at them. */
  left(plugin: HelpedPlugin): void;
  reload(plugin: HelpedPlugin, reload: Reload): void;
}

/**
 * Second connections of plugins that speak the SDK's dialect, which knows no breakpoints: a helper in the plugin's own
 * process has one of its own (`{"type":"auth",…,"channel":"helper"}`). It serves no calls and shadows nothing.
 */
export interface DebugHelpers {
  /** Reads what a helper tells until it hangs up, is silent for too long, or sends too long a line. Never rejects. */
  serve(plugin: HelpedPlugin, connection: HelperConnection): Promise<void>;
  /** Tells all helpers of the plugin; answers how many there are. */
  tell(plugin: HelpedPlugin, message: "continue" | "reload"): Promise<number>;
  /** Tenants with a helper. */
  tenants(): readonly string[];
}

export interface HelperConnection {
  readonly channel: TcpChannel;
  readonly reader: LineReader;
  readonly welcome: string;
}

export interface DebugHelpersOptions {
  readonly observer: HelperObserver;
  /** A helper beats; one that is silent for so long is gone. 0: never. */
  readonly silenceMs: number;
  readonly log: Logger;
}

/** Variables are cut by the helper, far below. */
const MAX_LINE_BYTES = 256 * 1024;

interface Helper extends HelperConnection {
  readonly plugin: HelpedPlugin;
}

export function createDebugHelpers({ observer, silenceMs, log }: DebugHelpersOptions): DebugHelpers {
  const helpers = new Set<Helper>();

  function take(plugin: HelpedPlugin, line: string): "breakpoint" | "other" {
    const message = parseJson(line);
    if (!isRecord(message)) return "other";
    switch (message["type"]) {
      case "log": {
        const event = logEvent(message, line);
        if (event.kind === "log") observer.log(plugin, event);
        return "other";
      }
      case "breakpoint": {
        const sessionId = message["session_id"];
        const event = breakpointEvent(message, {
          line,
          sessionId: typeof sessionId === "string" ? sessionId : undefined,
        });
        if (event.kind === "breakpoint") observer.breakpoint(plugin, event);
        return "breakpoint";
      }
      case "reload": {
        const event = reloadEvent(message, line);
        if (event.kind === "reload") observer.reload(plugin, event);
        return "other";
      }
      default:
        // Heartbeats are signs of life by coming.
        return "other";
    }
  }

  async function read({ plugin, channel, reader }: Helper): Promise<void> {
    let stood = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      clearTimeout(timer);
      if (silenceMs > 0) timer = setTimeout(() => void channel.close(), silenceMs);
    };
    try {
      listen();
      for (let line = await reader.next(MAX_LINE_BYTES); line; line = await reader.next(MAX_LINE_BYTES)) {
        listen();
        if (take(plugin, line) === "breakpoint") stood = true;
      }
    } catch (cause) {
      const why = cause instanceof LineTooLongError ? cause.message : "it broke off";
      log.info("Helper connection closed", { plugin: plugin.pluginId, from: channel.label, why });
    } finally {
      clearTimeout(timer);
      if (stood) observer.left(plugin);
    }
  }

  return {
    async serve(plugin, connection) {
      const helper = { ...connection, plugin };
      helpers.add(helper);
      try {
        await connection.channel.write(connection.welcome);
        await read(helper);
      } catch {
        // It was gone before it was welcomed.
      } finally {
        helpers.delete(helper);
      }
    },
    async tell({ tenantId, pluginId }, message) {
      const told = [...helpers].filter(
        ({ plugin }) => plugin.tenantId === tenantId && plugin.pluginId === pluginId,
      );
      // Those that leave just now need not be told.
      const sent = await Promise.allSettled(
        told.map(({ channel }) => channel.write(`{"type":"${message}"}\n`)),
      );
      return sent.filter(({ status }) => status === "fulfilled").length;
    },
    tenants: () => [...new Set([...helpers].map(({ plugin }) => plugin.tenantId))],
  };
}
