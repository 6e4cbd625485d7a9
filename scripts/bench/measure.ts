/** What has to be true of a measure. `of: "share"` is the daemon's value divided by the one that it is held against. */
export interface Goal {
  readonly of: "share" | "value";
  readonly kind: "at least" | "at most";
  readonly limit: number;
}

export type Unit = "req/s" | "items/s" | "MB/s" | "s" | "ms" | "MB" | "µs" | "calls";

/** One line of the table. */
export interface Measure {
  readonly what: string;
  readonly unit: Unit;
  /** What the daemon is held against, in this run: the bare relay, or whatever else `what` or `detail` names. */
  readonly bare?: number;
  readonly plugd: number;
  readonly share?: number;
  readonly goal?: Goal;
  /** More to know, such as other quantiles. */
  readonly detail?: string;
}

/** Undefined where there is no goal. What could not be measured reaches none. */
export function isReached({ plugd, share, goal }: Measure): boolean | undefined {
  if (goal === undefined) return undefined;
  const value = goal.of === "share" ? (share ?? Number.NaN) : plugd;
  return goal.kind === "at least" ? value >= goal.limit : value <= goal.limit;
}
