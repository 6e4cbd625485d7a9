import type { CallingStand } from "./calling-stand.ts";
import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RunSettings } from "./run-settings.ts";

const LEVELS = [1, 16, 64] as const;

/** (m) Requests per second of a hook that is answered with its own body, held against calls of a tool of the same plugin. */
export async function measureHooks(stand: CallingStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const concurrency of LEVELS) {
    const { results, ...values } = await compare(scope, {
      targets: { bare: stand.text, plugd: stand.hook },
      concurrency,
      seconds: quick ? 0.7 : 1.5,
      warmUpSeconds: 0.3,
      rounds: quick ? 1 : 3,
      value: ({ callsPerSecond }) => callsPerSecond,
    });
    const p99 = results.plugd.map(({ wholeMs }) => wholeMs[1]);
    measures.push({
      what: `webhook that echoes 32 B, ${concurrency} at once`,
      unit: "req/s",
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.7 },
      detail: `beside it: calls of a tool; p99 ${Math.max(...p99).toFixed(1)} ms`,
    });
  }
  return measures;
}
