import { compare } from "./compare.ts";
import type { DialectStand, ToolTarget } from "./dialect-stand.ts";
import type { LoadResult } from "./load.ts";
import type { Measure } from "./measure.ts";
import type { RunSettings } from "./run-settings.ts";

/** What rows a, b and c measure, in the same sizes. */
const SHAPES = [
  ...[1, 16, 64].map((concurrency) => ({
    what: `1 item of 32 B, ${concurrency} at once`,
    unit: "req/s" as const,
    parameters: { count: 1, size: 32 },
    concurrency,
    value: ({ callsPerSecond }: LoadResult) => callsPerSecond,
  })),
  ...[1, 8].map((concurrency) => ({
    what: `10,000 items of 32 B, ${concurrency} at once`,
    unit: "items/s" as const,
    parameters: { count: 10_000, size: 32 },
    concurrency,
    value: ({ itemsPerSecond }: LoadResult) => itemsPerSecond,
  })),
  {
    what: "100 items of 64 KiB, 8 at once",
    unit: "MB/s" as const,
    parameters: { count: 100, size: 64 * 1024 },
    concurrency: 8,
    value: ({ megabytesPerSecond }: LoadResult) => megabytesPerSecond,
  },
];

/** More than elsewhere: both sides are daemons at work, and a goal this near to 1 is lost in the noise of a busy machine. */
const ROUNDS = 5;

/** (n, o) A relay over another way than stdio in the SDK's dialect, held against that. */
export async function measureDialect(
  stand: Pick<DialectStand, "sdk">,
  { way, target }: { readonly way: string; readonly target: ToolTarget },
  { scope, quick }: RunSettings,
): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const { what, unit, parameters, concurrency, value } of SHAPES) {
    const { results, ...values } = await compare(scope, {
      targets: { bare: stand.sdk(parameters), plugd: target(parameters) },
      concurrency,
      seconds: quick ? 0.7 : 1,
      warmUpSeconds: 0.3,
      rounds: quick ? 1 : ROUNDS,
      value,
    });
    const p50 = (side: readonly LoadResult[]) =>
      Math.max(...side.map(({ wholeMs }) => wholeMs[0])).toFixed(2);
    measures.push({
      what: `${way}: ${what}`,
      unit,
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.8 },
      detail: `beside it: the SDK's dialect on stdio; call p50 ${p50(results.plugd)} ms, there ${p50(results.bare)} ms`,
    });
  }
  return measures;
}
