import { createCpuTimeReader } from "./cpu-time.ts";
import type { LoadTarget } from "./load.ts";
import type { Measure } from "./measure.ts";
import type { RelayStand } from "./relay-stand.ts";
import { runLoad } from "./run-load.ts";
import type { RunSettings } from "./run-settings.ts";
import { median } from "./statistics.ts";

/** A fast model's tokens. */
const PAUSE_MS = 20;
/** A third of what the reference uses at its best: 424 and 114 µs. */
const LEVELS = [
  { streams: 1, goalMicroseconds: 141, seconds: 4, quickSeconds: 3 },
  { streams: 50, goalMicroseconds: 38, seconds: 3, quickSeconds: 2 },
] as const;

/** (f) CPU time of the daemon for each chunk of streams that come as from a model; all its threads, all it does. */
export async function measureLlmCpu(stand: RelayStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const readCpuTime = createCpuTimeReader();
  // A daemon in service has long compiled what it does for every chunk; a second of slow streams never gets there.
  const burst = stand.llm({ count: 20_000 });
  for (const target of [burst.bare, burst.plugd])
    await runLoad(scope, { ...target, concurrency: 1, calls: 3, seconds: 60 });
  const measures: Measure[] = [];
  for (const { streams, goalMicroseconds, ...level } of LEVELS) {
    const seconds = quick ? level.quickSeconds : level.seconds;
    const { bare, plugd } = stand.llm({ count: (seconds * 1000) / PAUSE_MS, delay_ms: PAUSE_MS });
    const measureSide = async (pid: number, target: LoadTarget) => {
      const before = readCpuTime(pid);
      const { items } = await runLoad(scope, {
        ...target,
        concurrency: streams,
        calls: streams,
        seconds: 60,
      });
      return ((readCpuTime(pid) - before) / items) * 1e6;
    };
    const bareValues: number[] = [];
    const values: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      bareValues.push(await measureSide(stand.barePid, bare));
      values.push(await measureSide(stand.daemon.pid, plugd));
    }
    measures.push({
      what: `CPU per LLM chunk, ${streams} ${streams === 1 ? "stream" : "streams"} of 50/s`,
      unit: "µs",
      bare: median(bareValues),
      plugd: median(values),
      share: median(values.map((value, round) => value / (bareValues[round] ?? Number.NaN))),
      goal: { of: "value", kind: "at most", limit: goalMicroseconds },
    });
  }
  return measures;
}
