import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { isRunning, until } from "../support/processes.ts";

setDefaultTimeout(30_000);

let daemon: LocalDaemon;

beforeAll(async () => {
  daemon = await startTestDaemon({ env: { PLUGD_START_TIMEOUT: "1" } });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Pids of all processes that were started for a plugin, in order. */
function startedPids(name: string): number[] {
  const lines = daemon.log().matchAll(/"?Plugin process started"? plugin=tests\/(\S+):\S+ pid=(\d+)/g);
  return [...lines].filter(([, plugin]) => plugin === name).map(([, , pid]) => Number(pid));
}

/** Milliseconds between each end of a plugin's process and the start of the next. */
function restartDelays(name: string): number[] {
  const delays: number[] = [];
  let endedAt: number | undefined;
  for (const line of daemon.log().split("\n")) {
    if (!line.includes(`plugin=tests/${name}:`)) continue;
    const at = Date.parse(line.slice(0, line.indexOf(" ")));
    if (line.includes("Plugin ended")) endedAt = at;
    if (line.includes("Plugin process started") && endedAt !== undefined) delays.push(at - endedAt);
  }
  return delays;
}

test("a plugin that exits at once fails its task with exit code and stderr, and the next try starts it anew", async () => {
  const broken = { name: "exits", startKnobs: { exitCode: 3, stderr: "ImportError: no module\n" } };
  const identifier = await daemon.api.uploaded(broken);
  const task = await daemon.api.finished(await daemon.api.startInstall(identifier));
  expect(task.plugins).toMatchObject([{ status: "failed", plugin_unique_identifier: identifier }]);
  const message = task.plugins[0]?.message ?? "";
  expect(message).toContain(
    'Cannot start plugin "tests/exits:0.0.1": it exited with 3 before its first heartbeat',
  );
  expect(message).toContain("ImportError: no module");
  expect(message).toContain("Read its stderr");
  const call = await daemon.api.call("tests/exits", {});
  expect([call.status, call.failure?.message]).toEqual([404, "plugin not found"]);

  const again = await daemon.api.finished(await daemon.api.startInstall(identifier));
  expect(again.status).toBe("failed");
  const { pluginId } = await daemon.api.install({ name: "exits", startKnobs: {} });
  expect((await daemon.api.call(pluginId, { text: "hi" })).failure).toBeUndefined();
});

test("a plugin that never beats fails its task after the limit, and its process is gone", async () => {
  const identifier = await daemon.api.uploaded({ name: "mute", startKnobs: { heartbeat: false } });
  const task = await daemon.api.finished(await daemon.api.startInstall(identifier));
  expect(task.plugins[0]?.message).toContain("gave no heartbeat within 1 second");
  const [pid] = startedPids("mute");
  expect(pid && isRunning(pid)).toBe(false);
  expect(await daemon.api.installations()).not.toContainEqual(
    expect.objectContaining({ plugin_id: "tests/mute" }),
  );
});

test("a plugin that dies with every call is restarted later and later, and each call is told why", async () => {
  const { pluginId } = await daemon.api.install({ name: "loops", startKnobs: { dieAfterRequests: 1 } });
  for (let n = 0; n < 4; n++) {
    // Held until it is back.
    const { failure } = await daemon.api.call(pluginId, {});
    expect(failure?.error_type).toBe("ConnectionClosedError");
    expect(failure?.args).toMatchObject({ signal: "SIGKILL", exit_code: null });
  }
  await until("it was started once more", () => startedPids("loops").length === 5);
  const delays = restartDelays("loops");
  expect(delays).toHaveLength(4);
  for (const [at, leastMs] of [100, 200, 400, 800].entries()) {
    expect(delays[at]).toBeGreaterThanOrEqual(leastMs - 15);
    expect(delays[at]).toBeLessThan(leastMs + 1500);
  }
});

test("a plugin that no longer starts answers with its stderr, is not tried again at once, and comes back when mended", async () => {
  const { pluginId } = await daemon.api.install({ name: "rots" });
  const { pid, cwd } = await daemon.api.facts(pluginId);
  const knobs = join(cwd, "fake-plugin.json");
  await Bun.write(knobs, JSON.stringify({ exitCode: 5, stderr: "SyntaxError: rotten\n" }));
  process.kill(pid, "SIGKILL");

  let failed = await daemon.api.call(pluginId, {});
  // The very first one may still have reached the process that was just dying.
  if (failed.status === 200) failed = await daemon.api.call(pluginId, {});
  expect(failed.status).toBe(404);
  expect(failed.failure?.message).toContain(
    "it exited with 5 before its first heartbeat\nSyntaxError: rotten",
  );
  const tries = startedPids("rots").length;
  const impatient = await Promise.all(Array.from({ length: 20 }, () => daemon.api.call(pluginId, {})));
  for (const { status, failure } of impatient)
    expect([status, failure?.message]).toEqual([404, failed.failure?.message]);
  expect(startedPids("rots")).toHaveLength(tries);

  await Bun.write(knobs, "{}");
  await until("it answers again", async () => (await daemon.api.call(pluginId, {})).status === 200);
});
