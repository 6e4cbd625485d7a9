/** The middle one; between two middle ones their mean. NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const high = sorted[upper];
  if (high === undefined) return Number.NaN;
  const low = sorted.length % 2 === 1 ? high : (sorted[upper - 1] ?? high);
  return (low + high) / 2;
}

/** The smallest value that at least this share (0 to 1) of all does not exceed. NaN when there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank - 1))] ?? Number.NaN;
}
