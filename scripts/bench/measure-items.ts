import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RelayStand } from "./relay-stand.ts";
import type { RunSettings } from "./run-settings.ts";

const LEVELS = [1, 8] as const;

/** (b) Items per second, 10,000 of 32 characters in each call. */
export async function measureItems(stand: RelayStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const concurrency of LEVELS) {
    const { results, ...values } = await compare(scope, {
      targets: stand.tool({ count: 10_000, size: 32 }),
      concurrency,
      seconds: quick ? 0.7 : 1.5,
      warmUpSeconds: 0.3,
      rounds: quick ? 1 : 3,
      value: ({ itemsPerSecond }) => itemsPerSecond,
    });
    const first = results.plugd.map(({ firstItemMs }) => firstItemMs[0]);
    measures.push({
      what: `10,000 items of 32 B, ${concurrency} at once`,
      unit: "items/s",
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.5 },
      detail: `first item p50 ${Math.max(...first).toFixed(1)} ms`,
    });
  }
  return measures;
}
