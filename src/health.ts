import type { Config } from "./config/config.ts";
import { BUILD_TIME, VERSION } from "./lib/version.ts";

export interface HealthFacts {
  readonly config: Pick<Config, "PLATFORM" | "ROUTINE_POOL_SIZE">;
  readonly recorder: { readonly active: number };
  readonly tracker: { readonly active: number; readonly activeDispatch: number };
  readonly debug: { readonly connections: number };
}

/** Body of `/health/check` (contract/http-api 3.1). */
export function healthAnswer({ config, recorder, tracker, debug }: HealthFacts) {
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
