/** When a plugin that ended on its own is started again. Times in milliseconds. */
export interface RestartPolicy {
  /** Delay before the first restart; doubles with each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Restarts in a row before giving up. */
  readonly attempts: number;
  /** Starts that never reached a heartbeat before those who wait are told. */
  readonly startAttempts: number;
  /** A process that ran this long starts the count again. */
  readonly healthyAfterMs: number;
  /** After giving up, a call may try again this much later. */
  readonly retryAfterMs: number;
}

export const DEFAULT_RESTART_POLICY: RestartPolicy = {
  firstDelayMs: 100,
  maxDelayMs: 30_000,
  attempts: 12,
  startAttempts: 1,
  healthyAfterMs: 60_000,
  retryAfterMs: 2_000,
};

/** Undefined when the attempts are spent. `attempt` counts from 1. */
export function nextDelayMs(attempt: number, policy: RestartPolicy): number | undefined {
  if (attempt > policy.attempts) return undefined;
  return Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
}
