import type { LoadResult, LoadTarget } from "./load.ts";
import { runLoad } from "./run-load.ts";
import type { Scope } from "./scope.ts";
import { median } from "./statistics.ts";

export interface CompareOptions {
  readonly targets: { readonly bare: LoadTarget; readonly plugd: LoadTarget };
  readonly concurrency: number;
  readonly seconds: number;
  readonly warmUpSeconds?: number;
  readonly calls?: number;
  readonly rounds: number;
  /** The figure of a run. */
  readonly value: (result: LoadResult) => number;
}

export interface Comparison {
  readonly bare: number;
  readonly plugd: number;
  /** The middle one of the rounds' own ratios, so that a machine that slows down in between moves both sides. */
  readonly share: number;
  readonly results: { readonly bare: readonly LoadResult[]; readonly plugd: readonly LoadResult[] };
}

/** Bare relay and daemon by turns; medians of all rounds. */
export async function compare(scope: Scope, options: CompareOptions): Promise<Comparison> {
  const { targets, rounds, value, ...load } = options;
  const results: { readonly bare: LoadResult[]; readonly plugd: LoadResult[] } = { bare: [], plugd: [] };
  const run = (side: "bare" | "plugd") => async () => {
    const result = await runLoad(scope, { ...load, ...targets[side] });
    results[side].push(result);
    return value(result);
  };
  return { ...(await compareRuns(rounds, { bare: run("bare"), plugd: run("plugd") })), results };
}

/** Two ways to get a figure, by turns. */
export async function compareRuns(
  rounds: number,
  runs: { readonly bare: () => Promise<number>; readonly plugd: () => Promise<number> },
): Promise<Omit<Comparison, "results">> {
  const bare: number[] = [];
  const plugd: number[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await runs.bare());
    plugd.push(await runs.plugd());
  }
  return {
    bare: median(bare),
    plugd: median(plugd),
    share: median(plugd.map((value, round) => value / (bare[round] ?? Number.NaN))),
  };
}
