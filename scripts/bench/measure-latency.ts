import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RelayStand } from "./relay-stand.ts";
import type { RunSettings } from "./run-settings.ts";

const CALLS = 100;
const PAUSE_MS = 10;

/** (d) How much later than its plugin 100 slow streams at once end: whole calls of 400 items, 10 ms apart. */
export async function measureLatency(stand: RelayStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const count = quick ? 100 : 400;
  const { results, ...values } = await compare(scope, {
    targets: stand.tool({ count, size: 32, delay_ms: PAUSE_MS }),
    concurrency: CALLS,
    calls: CALLS,
    seconds: 60,
    rounds: quick ? 1 : 2,
    value: ({ wholeMs }) => wholeMs[0] / 1000,
  });
  const p99 = results.plugd.map(({ wholeMs }) => wholeMs[1] / 1000);
  return [
    {
      what: `${CALLS} calls of ${count} items, ${PAUSE_MS} ms apart`,
      unit: "s",
      ...values,
      detail: `ideal ${((count * PAUSE_MS) / 1000).toFixed(1)} s; p99 ${Math.max(...p99).toFixed(2)} s`,
    },
  ];
}
