import { join } from "node:path";
import { compareRuns } from "./compare.ts";
import type { ListStand } from "./list-stand.ts";
import type { Measure } from "./measure.ts";
import { readMemory, resetPeak } from "./process-memory.ts";
import type { RawGetOptions, RawGetResult } from "./raw-get.ts";
import type { RunSettings } from "./run-settings.ts";
import type { Scope } from "./scope.ts";

const LEVELS = [1, 8] as const;
const QUIET_MS = 2000;

/** (i) Lists with whole declarations, held against the time that sending these bytes takes; and the memory of that. */
export async function measureLists(stand: ListStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const { daemon, plugins, headers, lists } = stand;
  const measures: Measure[] = [];
  await Bun.sleep(QUIET_MS);
  // The code for it is in memory then, of which a daemon that has nothing to do lets go.
  for (const { plugd } of lists)
    await runGets(scope, {
      url: plugd.replace(/page_size=\d+/, "page_size=1"),
      headers,
      atOnce: 1,
      requests: 10,
    });
  const before = readMemory(daemon.pid, "VmRSS");
  resetPeak(daemon.pid);
  for (const { name, bytes, bare, plugd } of lists)
    for (const atOnce of LEVELS) {
      const requests = quick ? 4 : 10;
      const run = async (url: string) => (await runGets(scope, { url, headers, atOnce, requests })).ms;
      const values = await compareRuns(quick ? 1 : 5, { bare: () => run(bare), plugd: () => run(plugd) });
      measures.push({
        what: `${name} of ${plugins} model plugins, ${atOnce} at once`,
        unit: "ms",
        ...values,
        goal: { of: "share", kind: "at most", limit: 2 },
        detail: `beside it: the same ${(bytes / 1e6).toFixed(1)} MB from memory`,
      });
    }
  const growth = readMemory(daemon.pid, "VmHWM") - before;
  const largest = Math.max(...lists.map(({ bytes }) => bytes));
  measures.push({
    what: `memory for these lists`,
    unit: "MB",
    bare: largest / 1e6,
    plugd: growth / 1e6,
    share: growth / largest,
    goal: { of: "share", kind: "at most", limit: 3 },
    detail: `peak of ${((before + growth) / 1e6).toFixed(0)} MB, after lists of one plugin; beside it: one list`,
  });
  return measures;
}

async function runGets(scope: Scope, options: RawGetOptions): Promise<RawGetResult> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "raw-get.ts"), JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const release = scope.adopt(child);
  try {
    const output = await child.stdout.text();
    if ((await child.exited) !== 0) throw new Error(`Cannot get ${options.url}`);
    return JSON.parse(output) as RawGetResult;
  } finally {
    release();
  }
}
