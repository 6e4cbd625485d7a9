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
  const bare: LoadResult[] = [];
  const plugd: LoadResult[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await runLoad(scope, { ...load, ...targets.bare }));
    plugd.push(await runLoad(scope, { ...load, ...targets.plugd }));
  }
  return {
    bare: median(bare.map(value)),
    plugd: median(plugd.map(value)),
    share: median(plugd.map((result, round) => value(result) / value(bare[round] ?? result))),
    results: { bare, plugd },
  };
}
