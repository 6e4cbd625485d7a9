import { readLines } from "../../src/cli/lines.ts";
import type { BenchDaemon } from "./daemon.ts";
import type { Measure } from "./measure.ts";
import type { ProcessStart } from "./plugin-process.ts";
import type { RunSettings } from "./run-settings.ts";
import { endChild, type Scope } from "./scope.ts";
import type { SdkStand } from "./sdk-stand.ts";
import { median } from "./statistics.ts";

const LINE_LIMIT_MS = 60_000;

/**
 * (g) The first call of a plugin that does not run, held against the least that it can take: the same process started
 * with the same arguments and environment, its first heartbeat, and the same call written to its pipe by hand.
 */
export async function measureFirstCall(stand: SdkStand, { scope, quick }: RunSettings): Promise<Measure[]> {
  const daemon = await stand.start();
  const called: number[] = [];
  const plain: number[] = [];
  for (const plugin of stand.plugins.slice(0, quick ? 2 : 5)) {
    called.push(await timeCall(stand, { daemon, plugin }));
    plain.push(await timePlainStart(scope, { start: stand.processOf(plugin), request: stand.request }));
  }
  await daemon.stop();
  return [
    {
      what: "first call of a stopped SDK plugin",
      unit: "ms",
      bare: median(plain),
      plugd: median(called),
      share: median(called.map((ms, round) => ms / (plain[round] ?? Number.NaN))),
      goal: { of: "share", kind: "at most", limit: 1.15 },
      detail: "beside it: the plain start of its process and the call",
    },
  ];
}

async function timeCall(
  stand: SdkStand,
  { daemon, plugin }: { readonly daemon: BenchDaemon; readonly plugin: number },
): Promise<number> {
  const { url, headers, body } = stand.target(daemon, plugin);
  const began = performance.now();
  const response = await fetch(url, { method: "POST", headers, body, proxy: false });
  const text = await response.text();
  const ms = performance.now() - began;
  if (!text.includes('"code":0') || !text.includes("two")) throw new Error(`The first call failed: ${text}`);
  return ms;
}

async function timePlainStart(
  scope: Scope,
  { start, request }: { readonly start: ProcessStart; readonly request: SdkStand["request"] },
): Promise<number> {
  const began = performance.now();
  const child = Bun.spawn([...start.argv], {
    cwd: start.cwd,
    env: { ...start.env },
    stdio: ["pipe", "pipe", "ignore"],
    timeout: LINE_LIMIT_MS,
  });
  const release = scope.adopt(child);
  let asked = false;
  for await (const line of readLines(child.stdout)) {
    if (line.includes('"type":"end"')) break;
    if (asked || !line.includes('"heartbeat"')) continue;
    asked = true;
    await child.stdin.write(`${JSON.stringify({ ...SESSION, data: request })}\n`);
    await child.stdin.flush();
  }
  const ms = performance.now() - began;
  const failed = child.exitCode !== null;
  await endChild(child);
  release();
  if (failed) throw new Error(`"${start.argv.join(" ")}" ended before its answer did`);
  return ms;
}

const SESSION = {
  session_id: "bench",
  conversation_id: null,
  message_id: null,
  app_id: null,
  endpoint_id: null,
  context: null,
  event: "request",
};
