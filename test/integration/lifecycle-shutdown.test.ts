import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnTestDaemon, startTestDaemon } from "../support/daemon.ts";
import { isRunning, until } from "../support/processes.ts";

setDefaultTimeout(30_000);

test("SIGTERM lets open streams finish, refuses new connections at once, and ends with 0 and without plugins", async () => {
  await using daemon = await spawnTestDaemon();
  const { pluginId } = await daemon.api.install({ name: "drains" });
  const { pid } = await daemon.api.facts(pluginId);
  const open = Array.from({ length: 5 }, () =>
    daemon.api.call(pluginId, { mode: "items", n: 25, delay_ms: 40 }),
  );
  await until("they are open", async () => (await daemon.api.health()).busy === 5);
  daemon.kill("SIGTERM");
  await until("new connections are refused", () => refuses(daemon));
  // They are still being answered.
  expect(isRunning(pid)).toBe(true);
  for (const { items, failure } of await Promise.all(open))
    expect([items.length, failure]).toEqual([25, undefined]);
  expect(await daemon.exited).toBe(0);
  expect(isRunning(pid)).toBe(false);
  expect(daemon.log()).not.toContain(" ERROR ");
});

test("SIGTERM waits for calls no longer than PLUGD_DRAIN_TIMEOUT, and records how they ended", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-drain-"));
  try {
    await using daemon = await spawnTestDaemon({ dataDir, env: { PLUGD_DRAIN_TIMEOUT: "1" } });
    const { pluginId } = await daemon.api.install({ name: "hangs" });
    const { pid } = await daemon.api.facts(pluginId);
    const stuck = daemon.api.call(pluginId, { mode: "hang" }).catch(() => undefined);
    await until("it is open", async () => (await daemon.api.health()).busy === 1);
    const began = performance.now();
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    expect(performance.now() - began).toBeLessThan(4000);
    expect(isRunning(pid)).toBe(false);
    await stuck;
    // Nothing is left for the next one to clean up.
    await using next = await startTestDaemon({ dataDir });
    expect((await next.api.call(pluginId, { text: "hi" })).items).toHaveLength(1);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test("a second SIGTERM ends it without waiting for calls, and its plugins with it", async () => {
  await using daemon = await spawnTestDaemon();
  const { pluginId } = await daemon.api.install({ name: "hurried" });
  const { pid } = await daemon.api.facts(pluginId);
  const cut = daemon.api.call(pluginId, { mode: "hang" }).catch(() => "cut");
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  daemon.kill("SIGTERM");
  await until("it drains", () => refuses(daemon));
  // One that follows within half a second is the same signal, passed on by whatever stands in between.
  await until("it is gone", () => {
    if (isRunning(daemon.pid)) daemon.kill("SIGTERM");
    return !isRunning(daemon.pid);
  });
  expect(await daemon.exited).toBe(143);
  expect(await cut).toBe("cut");
  await until("its plugin is gone", () => !isRunning(pid));
});

test("SIGTERM during an installation ends soon, and the task is shown as failed", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-stop-"));
  try {
    await using daemon = await spawnTestDaemon({ dataDir });
    const identifier = await daemon.api.uploaded({ name: "stopped", startKnobs: { slowStartMs: 60_000 } });
    const taskId = await daemon.api.startInstall(identifier);
    await until("its process has started", () => daemon.log().includes("Plugin process started"));
    const began = performance.now();
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    expect(performance.now() - began).toBeLessThan(5000);

    await using next = await startTestDaemon({ dataDir });
    const task = await next.api.task(taskId);
    expect(task.status).toBe("failed");
    expect(task.plugins.map(({ message }) => message)).toEqual(["An unexpected daemon shutdown occurred"]);
    expect(await next.api.installations()).toEqual([]);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test("close() of a daemon in the same process leaves another one alone", async () => {
  await using stays = await startTestDaemon();
  const { pluginId } = await stays.api.install({ name: "stays" });
  const call = stays.api.call(pluginId, { mode: "items", n: 20, delay_ms: 20 });
  {
    await using goes = await startTestDaemon();
    await goes.api.install({ name: "stays" });
  }
  expect((await call).items).toHaveLength(20);
});

async function refuses({ port }: { readonly port: number }): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    socket.terminate();
    return false;
  } catch {
    return true;
  }
}
