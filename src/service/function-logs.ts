import { describeError } from "../lib/describe-error.ts";
import type { Logger } from "../lib/logger.ts";
import { pause } from "../lib/pause.ts";
import type { FunctionLogLine } from "../protocol/serverless/function-log.ts";
import type { Connector } from "../runtime/serverless/connector.ts";
import { PLUGIN_LINES } from "../runtime/plugin-lines.ts";
import type { InstallationStore } from "../store/store.ts";
import type { LiveSource } from "./live-events.ts";

export interface FunctionLogsDeps {
  readonly installations: Pick<InstallationStore, "installed">;
  readonly connector: Pick<Connector, "followLog">;
  /** Of the runtime of one plugin, for those who watch it. */
  readonly logOf: (pluginId: string) => Logger;
  readonly retryMs?: number;
}

/** What functions print, told to those who watch their plugins. */
export interface FunctionLogs {
  readonly source: LiveSource;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A log that has ended, or an installation that is none of a function, may be another one a moment later. */
const RETRY_MS = 3000;
/** Functions of which is known what was told last. */
const MAX_KNOWN = 1000;

/**
 * Follows the connector's log of a function while somebody watches its plugin. Each function is followed once, however
 * many watch; what a connector repeats, since it begins with the last lines that it has, is told once.
 */
export function createFunctionLogs(deps: FunctionLogsDeps): FunctionLogs {
  const { installations, connector, logOf, retryMs = RETRY_MS } = deps;
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  /** By identifier. */
  const followed = new Set<string>();
  const told = new Map<string, { time: string; lines: Set<string> }>();

  function isNew(identifier: string, { time, instance, line }: FunctionLogLine): boolean {
    const last = told.get(identifier) ?? { time: "", lines: new Set() };
    const text = `${instance} ${line}`;
    if (time < last.time || (time === last.time && last.lines.has(text))) return false;
    if (time > last.time) last.lines.clear();
    last.time = time;
    last.lines.add(text);
    told.delete(identifier);
    told.set(identifier, last);
    const [oldest] = told.keys();
    if (told.size > MAX_KNOWN && oldest !== undefined) told.delete(oldest);
    return true;
  }

  function tell(plugin: string, { source, instance, line }: FunctionLogLine): void {
    const log = logOf(plugin);
    if (source === "stderr") log.warn(PLUGIN_LINES.stderr, { plugin, instance, line });
    else if (source === "stdout") log.debug(PLUGIN_LINES.output, { plugin, instance, text: line });
    else log.info(line, { plugin, instance });
  }

  async function follow(of: { readonly pluginId: string; readonly tenantId: string }, signal: AbortSignal) {
    do {
      const installed = await installations.installed(of.tenantId, of.pluginId);
      if (installed?.runtimeType !== "serverless" || followed.has(installed.identifier)) continue;
      const { identifier } = installed;
      followed.add(identifier);
      try {
        const onLine = (line: FunctionLogLine) => {
          if (isNew(identifier, line)) tell(of.pluginId, line);
        };
        await connector.followLog(identifier, { onLine, signal });
      } finally {
        followed.delete(identifier);
      }
    } while (await pause(retryMs, signal));
  }

  /** The log is a help alone: that there is none ends nothing. */
  async function followSafely(
    of: { readonly pluginId: string; readonly tenantId: string },
    signal: AbortSignal,
  ): Promise<void> {
    do {
      try {
        await follow(of, signal);
      } catch (cause) {
        if (!signal.aborted)
          logOf(of.pluginId).debug("Cannot follow the log of a function", { error: describeError(cause) });
      }
    } while (await pause(retryMs, signal));
  }

  return {
    source(watched) {
      const stop = new AbortController();
      const held = followSafely(watched, AbortSignal.any([stop.signal, closing.signal])).finally(() =>
        running.delete(held),
      );
      running.add(held);
      return () => stop.abort();
    },
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}
