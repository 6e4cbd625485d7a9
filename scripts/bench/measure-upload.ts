import { randomBytes } from "node:crypto";
import { startBenchDaemon } from "./daemon.ts";
import type { Measure } from "./measure.ts";
import { packPlugin } from "./plugin-folder.ts";
import { readMemory, resetPeak } from "./process-memory.ts";
import type { RunSettings } from "./run-settings.ts";

const BALLAST_BYTES = 50_000_000;
const QUIET_MS = 2000;

/** (j) How much the memory of a daemon grows while it takes a package of 50 MB. */
export async function measureUpload({ scope, program }: RunSettings): Promise<Measure[]> {
  const daemon = await startBenchDaemon(scope, { program, folder: await scope.folder() });
  const bytes = await packPlugin("relay-plugin", { "ballast.bin": randomBytes(BALLAST_BYTES) });
  await Bun.sleep(QUIET_MS);
  // The code for it is in memory then, of which a daemon that has nothing to do lets go.
  await daemon.upload(await packPlugin("relay-plugin"));
  const before = readMemory(daemon.pid, "VmRSS");
  resetPeak(daemon.pid);
  const began = performance.now();
  await daemon.upload(bytes);
  const seconds = (performance.now() - began) / 1000;
  const growth = readMemory(daemon.pid, "VmHWM") - before;
  await daemon.stop();
  return [
    {
      what: "memory for the upload of a package",
      unit: "MB",
      bare: bytes.length / 1e6,
      plugd: growth / 1e6,
      share: growth / bytes.length,
      goal: { of: "share", kind: "at most", limit: 2 },
      detail: `in ${seconds.toFixed(1)} s, after a small one; beside it: the package`,
    },
  ];
}
