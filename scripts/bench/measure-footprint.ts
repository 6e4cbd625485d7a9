import { startBenchDaemon } from "./daemon.ts";
import type { Measure } from "./measure.ts";
import { readMemory } from "./process-memory.ts";
import type { RunSettings } from "./run-settings.ts";
import { median } from "./statistics.ts";

const QUIET_MS = 2000;

/** (e) Memory of a daemon that has nothing to do, and the time from its start to its first answer. */
export async function measureFootprint({ scope, program, quick }: RunSettings): Promise<Measure[]> {
  const folder = await scope.folder();
  // The first start in a folder also makes the database; it is the one that is looked at for memory.
  const first = await startBenchDaemon(scope, { program, folder });
  await Bun.sleep(QUIET_MS);
  const residentBytes = readMemory(first.pid, "VmRSS");
  const ownBytes = readMemory(first.pid, "RssAnon");
  await first.stop();
  const readyMs: number[] = [];
  for (let start = 0; start < (quick ? 3 : 10); start++) {
    const daemon = await startBenchDaemon(scope, { program, folder });
    readyMs.push(daemon.readyMs);
    await daemon.stop();
  }
  return [
    {
      what: "idle memory (RSS)",
      unit: "MB",
      plugd: residentBytes / 1e6,
      goal: { of: "value", kind: "at most", limit: 70 },
      detail: `${(residentBytes / 2 ** 20).toFixed(1)} MiB; ${(ownBytes / 1e6).toFixed(1)} MB are not pages of its file`,
    },
    {
      what: "start to first answer",
      unit: "ms",
      plugd: median(readyMs),
      goal: { of: "value", kind: "at most", limit: 100 },
      detail: `${Math.min(...readyMs).toFixed(0)} to ${Math.max(...readyMs).toFixed(0)} ms; ${first.readyMs.toFixed(0)} ms in an empty folder`,
    },
  ];
}
