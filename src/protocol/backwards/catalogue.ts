import { APP_CALLS } from "./app-calls.ts";
import { MODEL_CALLS } from "./model-calls.ts";
import type { PlatformCall } from "./platform-call.ts";

/** THE catalogue of calls back that the platform answers; `storage`, the 17th type, is the daemon's own. */
export const PLATFORM_CALLS: readonly PlatformCall[] = [...MODEL_CALLS, ...APP_CALLS];

const BY_TYPE = new Map(PLATFORM_CALLS.map((call) => [call.type, call]));

export function platformCallOf(type: string): PlatformCall | undefined {
  return BY_TYPE.get(type);
}
