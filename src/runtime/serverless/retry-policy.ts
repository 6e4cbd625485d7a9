/** When a request to a function is made again (contract/plugin-wire 3.3, contract/plain-protocol 6). Pure. */
export interface RetryPolicy {
  /** The first one included. */
  readonly attempts: number;
  /** Answers that count as never given. */
  readonly statuses: ReadonlySet<number>;
}

/** Statuses of gateways that gave up before the function did anything, or so it is hoped. */
export const SDK_RETRY_STATUSES: ReadonlySet<number> = new Set([502]);
export const PLAIN_RETRY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** Before attempt `attempt`, the second being 2. */
export function waitBefore(attempt: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, attempt - 2));
}
