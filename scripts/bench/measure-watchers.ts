import { join } from "node:path";
import { readLines } from "../../src/cli/lines.ts";
import { DEFAULT_TENANT } from "../../src/cli/connection.ts";
import { compareRuns } from "./compare.ts";
import type { DialectStand } from "./dialect-stand.ts";
import type { Measure } from "./measure.ts";
import { runLoad } from "./run-load.ts";
import type { RunSettings } from "./run-settings.ts";
import { endChild, type Scope } from "./scope.ts";

const WATCHERS = 1000;
const LEVELS = [1, 16, 64] as const;
const ROUNDS = 5;

/** (p) Requests per second of a plugin that many watch, held against nobody watching it. */
export async function measureWatchers(
  stand: DialectStand,
  { scope, quick }: RunSettings,
): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const concurrency of LEVELS) {
    const run = async () => {
      const { callsPerSecond } = await runLoad(scope, {
        ...stand.sdk({ count: 1, size: 32 }),
        concurrency,
        seconds: quick ? 1.5 : 2,
        warmUpSeconds: 0.3,
      });
      return callsPerSecond;
    };
    let told = 0;
    const values = await compareRuns(quick ? 1 : ROUNDS, {
      bare: run,
      async plugd() {
        const watchers = await startWatchers(scope, stand);
        const value = await run();
        told = Math.max(told, await watchers.stop());
        return value;
      },
    });
    measures.push({
      what: `1 item of 32 B, ${concurrency} at once, ${WATCHERS} watchers`,
      unit: "req/s",
      ...values,
      goal: { of: "share", kind: "at least", limit: 0.8 },
      detail: `beside it: without watchers; they got ${(told / 1e6).toFixed(0)} MB`,
    });
  }
  return measures;
}

/** Resolves when the daemon has told all of them that they watch; `stop` tells what they got in all, in bytes. */
async function startWatchers(
  scope: Scope,
  { daemon, sdkPluginId }: DialectStand,
): Promise<{ readonly stop: () => Promise<number> }> {
  const query = new URLSearchParams({ plugin_id: sdkPluginId }).toString();
  // A content type would say that the fields stand in a body.
  const { "content-type": _, ...headers } = daemon.headers;
  const options = {
    url: `${daemon.url}/plugin/${DEFAULT_TENANT}/debugging/events?${query}`,
    headers,
    count: WATCHERS,
  };
  const script = join(import.meta.dir, "watchers.ts");
  const child = Bun.spawn([process.execPath, script, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const release = scope.adopt(child);
  const lines = readLines(child.stdout);
  if ((await lines.next()).value !== "watching") throw new Error("The watchers did not start");
  return {
    async stop() {
      child.kill("SIGTERM");
      const { value } = await lines.next();
      await endChild(child);
      release();
      return Number(value);
    },
  };
}
