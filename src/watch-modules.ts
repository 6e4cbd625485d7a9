import type { AnyElysia } from "elysia";
import type { Config } from "./config/config.ts";
import { debuggingEventRoutes } from "./http/routes/debugging-events.ts";
import type { Logger } from "./lib/logger.ts";
import type { CallTraces } from "./service/call-trace.ts";
import type { Breakpoint, Reload } from "./protocol/messages.ts";
import { tellCalls } from "./service/live-call-events.ts";
import { type LiveDebugEvents, liveDebugEvents } from "./service/live-debug-events.ts";
import { createLiveEvents, type LiveEvents } from "./service/live-events.ts";
import { watchedLog } from "./service/watched-log.ts";

export interface WatchModules {
  readonly events: LiveEvents;
  /** The log of what runs a plugin, for all tenants or for one. */
  logOf(pluginId: string, tenantId?: string): Logger;
  /** For what runs plugins of this machine, whose processes work for all tenants. */
  readonly local: {
    logOf(pluginId: string): Logger;
    onBreakpoint(pluginId: string, breakpoint: Breakpoint): void;
    onReload(pluginId: string, reload: Reload): void;
  };
  readonly debugging: LiveDebugEvents;
  /** Lets those who watch see all calls. */
  follow(traces: CallTraces): void;
  readonly guarded: readonly AnyElysia[];
  /** Ends all streams: none of them would end by itself. */
  leave(): void;
}

/** Plugins watched live, connected. */
export function watchModules({
  config,
  log,
}: {
  readonly config: Config;
  readonly log: Logger;
}): WatchModules {
  const events = createLiveEvents({
    kept: config.PLUGD_EVENTS_KEPT,
    maxBytes: config.PLUGD_EVENTS_BYTES,
    now: Date.now,
  });
  const leaving = new AbortController();
  const debugging = liveDebugEvents(events);
  const logOf = (pluginId: string, tenantId?: string) =>
    watchedLog(log, { plugin: { pluginId, tenantId }, events });
  return {
    events,
    logOf,
    local: {
      logOf,
      onBreakpoint: (pluginId, breakpoint) =>
        debugging.breakpoint({ pluginId, tenantId: undefined }, breakpoint),
      onReload: (pluginId, reload) => debugging.reload({ pluginId, tenantId: undefined }, reload),
    },
    debugging,
    follow: (traces) => void traces.observe(tellCalls(events)),
    guarded: [debuggingEventRoutes({ events, leaving: leaving.signal, run: Date.now().toString(36) })],
    leave: () => leaving.abort(),
  };
}
