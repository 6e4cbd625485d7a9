import type { CallingStand } from "./calling-stand.ts";
import { compareRuns } from "./compare.ts";
import type { Measure } from "./measure.ts";
import type { RunSettings } from "./run-settings.ts";

const LEVELS = [1, 50] as const;
/** Values have moved from the journal into their files by then. */
const REST_MS = 2500;

/**
 * (l) Values of 1 KiB that are stored under new keys, and read again at once and once more when they lie in files, per
 * second; held against calls back that do nothing, for they are refused.
 */
export async function measureStorage(stand: CallingStand, { quick }: RunSettings): Promise<Measure[]> {
  const measures: Measure[] = [];
  const calls = quick ? 1000 : 5000;
  const rounds = quick ? 1 : 3;
  for (const at_once of LEVELS) {
    const bare = () => stand.plugd({ kind: "refused", calls, at_once });
    const prefix = (round: number) => `${at_once}-${round}-`;
    await bare();
    const add = (what: string, values: Omit<Measure, "what" | "unit">) =>
      measures.push({
        what: `${what} 1 KiB, ${at_once} at once`,
        unit: "req/s",
        ...values,
        goal: { of: "share", kind: "at least", limit: 0.5 },
      });
    /** A burst begins where all is in its place, as after a pause of the plugin. */
    const rates = async (kind: "set" | "get", rest: number) => {
      let round = 0;
      const rested = async () => {
        if (rest > 0) await Bun.sleep(rest);
        return bare();
      };
      const plugd = () => stand.plugd({ kind, calls, at_once, prefix: prefix(round++) });
      return compareRuns(rounds, { bare: rested, plugd });
    };
    add("storage: set", { ...(await rates("set", REST_MS)), detail: `${calls} new keys, acknowledged` });
    add("storage: get", { ...(await rates("get", 0)), detail: "just stored" });
    await Bun.sleep(REST_MS);
    add("storage: get", { ...(await rates("get", 0)), detail: "from their files" });
  }
  return measures;
}
