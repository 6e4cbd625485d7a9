import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RelayStand } from "./relay-stand.ts";
import type { RunSettings } from "./run-settings.ts";

const LEVELS = [1, 16, 64] as const;

/** (a) Requests per second, each answered with one item of 32 characters. */
export async function measureRequests(stand: RelayStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const concurrency of LEVELS) {
    const { results, ...values } = await compare(scope, {
      targets: stand.tool({ count: 1, size: 32 }),
      concurrency,
      seconds: quick ? 0.7 : 1.5,
      warmUpSeconds: 0.3,
      rounds: quick ? 1 : 3,
      value: ({ callsPerSecond }) => callsPerSecond,
    });
    const p99 = results.plugd.map(({ wholeMs }) => wholeMs[1]);
    measures.push({
      what: `1 item of 32 B, ${concurrency} at once`,
      unit: "req/s",
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.75 },
      detail: `p99 ${Math.max(...p99).toFixed(1)} ms`,
    });
  }
  return measures;
}
