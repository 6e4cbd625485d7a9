import { readFileSync } from "node:fs";
import { startBenchDaemon } from "./daemon.ts";
import type { Measure } from "./measure.ts";
import type { RunSettings } from "./run-settings.ts";
import { median } from "./statistics.ts";

const QUIET_MS = 2000;

/** (e) Memory of a daemon that has nothing to do, and the time from its start to its first answer. */
export async function measureFootprint({ scope, program, quick }: RunSettings): Promise<Measure[]> {
  const folder = await scope.folder();
  // The first start in a folder also makes the database; it is the one that is looked at for memory.
  const first = await startBenchDaemon(scope, { program, folder });
  await Bun.sleep(QUIET_MS);
  const residentBytes = readStatus(first.pid, "VmRSS");
  const ownBytes = readStatus(first.pid, "RssAnon");
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

/** In bytes. */
function readStatus(pid: number, field: string): number {
  const line = readFileSync(`/proc/${pid}/status`, "latin1")
    .split("\n")
    .find((line) => line.startsWith(`${field}:`));
  return Number.parseInt(line?.slice(field.length + 1) ?? "", 10) * 1024;
}
