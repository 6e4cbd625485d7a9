import type { CallingStand } from "./calling-stand.ts";
import { compareRuns } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RunSettings } from "./run-settings.ts";

const LEVELS = [1, 50] as const;

/**
 * (k) Time of a call back that asks the platform, held against the same exchange over the plugin's socket pairs and a
 * `fetch`: what 1 call takes, or one of 50 at once.
 */
export async function measureCallsBack(stand: CallingStand, { quick }: RunSettings): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const at_once of LEVELS) {
    const calls = (quick ? 500 : 2000) * (at_once > 1 ? 2 : 1);
    const run = async (side: "bare" | "plugd") =>
      1e6 / (await stand[side]({ kind: "summary", calls, at_once }));
    await Promise.all([run("bare"), run("plugd")]);
    const values = await compareRuns(quick ? 1 : 5, { bare: () => run("bare"), plugd: () => run("plugd") });
    measures.push({
      what: `call back to the platform, ${at_once} at once`,
      unit: "µs",
      ...values,
      goal: { of: "share", kind: "at most", limit: 1.3 },
      detail: `${Math.round(1e6 / values.plugd).toLocaleString("en-US")} a second`,
    });
  }
  return measures;
}
