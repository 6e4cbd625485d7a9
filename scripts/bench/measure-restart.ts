import { join } from "node:path";
import { readLines } from "../../src/cli/lines.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { Measure } from "./measure.ts";
import type { RestartLoadResult } from "./restart-load.ts";
import type { RunSettings } from "./run-settings.ts";
import type { SdkStand } from "./sdk-stand.ts";

const ROUND_LIMIT_MS = 60_000;

/** (h) Calls that fail when a daemon is restarted while all of its plugins are called without a pause. */
export async function measureRestart(stand: SdkStand, { scope }: RunSettings): Promise<Measure[]> {
  const first = await stand.start();
  const targets = stand.plugins.map((plugin) => stand.target(first, plugin));
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "restart-load.ts"), JSON.stringify(targets)],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const release = scope.adopt(child);
  const lines = readLines(child.stdout);
  const everyoneAnswers = async () => {
    await child.stdin.write("mark\n");
    await child.stdin.flush();
    await withDeadline(lines.next(), { what: "An answer of every plugin", ms: ROUND_LIMIT_MS });
  };

  await everyoneAnswers();
  await everyoneAnswers();
  const began = performance.now();
  await first.stop();
  const second = await stand.start(Number(new URL(first.url).port));
  await everyoneAnswers();
  const seconds = (performance.now() - began) / 1000;
  await everyoneAnswers();
  await child.stdin.end();
  const { value } = await withDeadline(lines.next(), { what: "The end of the calls", ms: ROUND_LIMIT_MS });
  const result = JSON.parse(value ?? "{}") as RestartLoadResult;
  await child.exited;
  release();
  await second.stop();
  return [
    {
      what: `failed calls in a restart with ${targets.length} plugins`,
      unit: "calls",
      plugd: result.failed,
      goal: { of: "value", kind: "at most", limit: 0 },
      detail: [
        `${result.answered} answered, ${result.refused} refused and tried again`,
        `all back after ${seconds.toFixed(1)} s`,
        ...result.samples,
      ].join("; "),
    },
  ];
}
