import { compare } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RelayStand } from "./relay-stand.ts";
import type { RunSettings } from "./run-settings.ts";

const ITEM_BYTES = 64 * 1024;

/** (c) Bytes per second, 100 items of 64 KiB in each of 8 calls at once. */
export async function measureBytes(stand: RelayStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const { results: _, ...values } = await compare(scope, {
    targets: stand.tool({ count: 100, size: ITEM_BYTES }),
    concurrency: 8,
    seconds: quick ? 0.7 : 1.5,
    warmUpSeconds: 0.3,
    rounds: quick ? 1 : 3,
    value: ({ megabytesPerSecond }) => megabytesPerSecond,
  });
  return [
    {
      what: "100 items of 64 KiB, 8 at once",
      unit: "MB/s",
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.5 },
    },
  ];
}
