import type { Config } from "./config/config.ts";
import type { RequestTracker } from "./http/request-tracker.ts";
import { BUILD_TIME, VERSION } from "./lib/version.ts";
import type { SessionRecorder } from "./service/session-recorder.ts";

export interface DaemonHealthDeps {
  readonly config: Pick<Config, "PLATFORM" | "ROUTINE_POOL_SIZE">;
  readonly recorder: Pick<SessionRecorder, "active">;
  readonly tracker: Pick<RequestTracker, "active" | "activeDispatch">;
  /** Connections of plugins that are debugged. */
  readonly debug: { readonly connections: number };
}

/** The answer of `/health/check` (contract/http-api 3.1). */
export function daemonHealth({
  config,
  recorder,
  tracker,
  debug,
}: DaemonHealthDeps): Record<string, unknown> {
  // The tracker sees a stream until its head went out, the recorder from then on, and both a call in between.
  const dispatches = Math.max(recorder.active, tracker.activeDispatch);
  return {
    active_dispatch_requests: dispatches,
    active_requests: tracker.active - tracker.activeDispatch + dispatches,
    build_time: BUILD_TIME,
    debug_connections: debug.connections,
    platform: config.PLATFORM,
    pool_status: {
      free: Math.max(0, config.ROUTINE_POOL_SIZE - recorder.active),
      busy: recorder.active,
      total: config.ROUTINE_POOL_SIZE,
    },
    status: "ok",
    version: VERSION,
  };
}
