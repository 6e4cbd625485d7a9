import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { type CallAnswer, OTHER_TENANT, TENANT } from "../support/daemon-api.ts";
import { isRunning, until } from "../support/processes.ts";
import { openRawCall, rawToolRequest } from "../support/raw-call.ts";

setDefaultTimeout(30_000);

let daemon: LocalDaemon;

beforeAll(async () => {
  daemon = await startTestDaemon();
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Pids of all processes that were started for a plugin, whatever its version. */
function startedPids(name: string): number[] {
  const lines = daemon
    .log()
    .matchAll(new RegExp(`Plugin process started plugin=tests/${name}:\\S+ pid=(\\d+)`, "g"));
  return [...lines].map(([, pid]) => Number(pid));
}

async function installationId(pluginId: string, tenant?: string): Promise<string> {
  const row = (await daemon.api.installations(tenant)).find((each) => each.plugin_id === pluginId);
  if (!row) throw new Error(`"${pluginId}" is not installed`);
  return row.id;
}

/** Upgrades and waits; fails when the task did. */
async function upgrade(from: string, to: string): Promise<void> {
  const { data } = await daemon.api.post("/install/upgrade", {
    original_plugin_unique_identifier: from,
    new_plugin_unique_identifier: to,
    source: "package",
    meta: {},
  });
  const task = await daemon.api.finished((data as { task_id: string }).task_id);
  expect(task.plugins).toMatchObject([{ status: "success", message: "upgraded" }]);
}

test("installs of one plugin at once, for one tenant and for others, share the work", async () => {
  const identifier = await daemon.api.uploaded({ name: "shared", startKnobs: { slowStartMs: 200 } });
  const tenants = [TENANT, TENANT, OTHER_TENANT, OTHER_TENANT, "a", "b", "c"];
  const tasks = await Promise.all(
    tenants.map(async (tenant) =>
      daemon.api.finished(await daemon.api.startInstall(identifier, tenant), tenant),
    ),
  );
  expect(tasks.flatMap(({ plugins }) => plugins.map(({ message }) => message))).toEqual(
    tenants.map(() => "installed"),
  );
  expect(startedPids("shared")).toHaveLength(1);
  for (const tenant of new Set(tenants)) {
    expect(
      (await daemon.api.installations(tenant)).filter((row) => row.plugin_id === "tests/shared"),
    ).toHaveLength(1);
    expect((await daemon.api.facts("tests/shared", tenant)).pid).toBe(startedPids("shared")[0] ?? 0);
  }

  // The process goes with the last of them.
  for (const tenant of new Set(tenants)) {
    expect(startedPids("shared").filter(isRunning)).toHaveLength(1);
    const id = await installationId("tests/shared", tenant);
    expect((await daemon.api.post("/uninstall", { plugin_installation_id: id }, tenant)).data).toBe(true);
  }
  expect(startedPids("shared").filter(isRunning)).toEqual([]);
});

test("an uninstallation waits for the open call, which gets all of its answer; later calls are told", async () => {
  const { pluginId } = await daemon.api.install({ name: "busy" });
  const id = await installationId(pluginId);
  const call = daemon.api.call(pluginId, { mode: "items", n: 20, delay_ms: 30 });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  const order: string[] = [];
  const [answer, uninstalled] = await Promise.all([
    call.finally(() => order.push("call")),
    daemon.api.post("/uninstall", { plugin_installation_id: id }).finally(() => order.push("uninstall")),
    (async () => {
      await until("it is not listed", async () => (await daemon.api.call(pluginId, {})).status === 404);
    })(),
  ]);
  expect([answer.items.length, answer.failure]).toEqual([20, undefined]);
  expect(uninstalled.data).toBe(true);
  expect(order).toEqual(["call", "uninstall"]);
  expect(startedPids("busy").filter(isRunning)).toEqual([]);
});

test("an upgrade under load fails no call, and only the new version is left", async () => {
  const { pluginId, identifier } = await daemon.api.install({ name: "loaded" });
  const next = await daemon.api.uploaded({ name: "loaded", version: "0.0.2" });
  const oldPid = (await daemon.api.facts(pluginId)).pid;
  const enough = new AbortController();
  const caller = async (): Promise<CallAnswer[]> => {
    const answers: CallAnswer[] = [];
    while (!enough.signal.aborted)
      answers.push(await daemon.api.call(pluginId, { mode: "items", n: 3, delay_ms: 5 }));
    return answers;
  };
  const callers = Array.from({ length: 8 }, caller);
  await upgrade(identifier, next);
  const newPid = (await daemon.api.facts(pluginId)).pid;
  expect(newPid).not.toBe(oldPid);
  await until("the old process has ended", () => !isRunning(oldPid));
  enough.abort();
  const answers = (await Promise.all(callers)).flat();
  expect(answers.length).toBeGreaterThan(20);
  expect(answers.filter(({ items, failure }) => items.length !== 3 || failure !== undefined)).toEqual([]);
  expect(startedPids("loaded").filter(isRunning)).toEqual([newPid]);
});

/** A call that the daemon has checked, and whose body it waits for: the rest of it is to be written. */
async function slowBody(pluginId: string, parameters: Readonly<Record<string, unknown>>) {
  const request = rawToolRequest(daemon, { pluginId, parameters });
  const call = await openRawCall({ port: daemon.port, request: request.slice(0, -20) });
  await until("the daemon has it", async () => (await daemon.api.health()).active === 1);
  return {
    async finish(): Promise<string> {
      call.write(request.slice(-20));
      await until("it is answered", () => /\r\n\r\n[^]*(?:\n\n|\})/.test(call.text()));
      call.terminate();
      return call.text();
    },
  };
}

test("a call whose body arrives after the uninstallation is told so, and starts nothing anew", async () => {
  const { pluginId } = await daemon.api.install({ name: "late" });
  const late = await slowBody(pluginId, { text: "hi" });
  await daemon.api.post("/uninstall", { plugin_installation_id: await installationId(pluginId) });
  const answer = await late.finish();
  expect(answer).toStartWith("HTTP/1.1 404 ");
  expect(answer).toContain("plugin not found");
  expect(startedPids("late")).toHaveLength(1);
  expect(startedPids("late").filter(isRunning)).toEqual([]);
});

test("a call whose body arrives after the upgrade goes to the new version", async () => {
  const { pluginId, identifier } = await daemon.api.install({ name: "moved" });
  const late = await slowBody(pluginId, { mode: "facts" });
  await upgrade(identifier, await daemon.api.uploaded({ name: "moved", version: "0.0.2" }));
  await until("the old process has ended", () => startedPids("moved").filter(isRunning).length === 1);
  expect(await late.finish()).toContain(`"pid":${startedPids("moved")[1]}`);
  expect(startedPids("moved")).toHaveLength(2);
});

test("calls that are held while their plugin starts go to the new version after an upgrade, or are told", async () => {
  const startKnobs = { slowStartMs: 700 };
  const { pluginId, identifier } = await daemon.api.install({ name: "held", startKnobs });
  const next = await daemon.api.uploaded({ name: "held", version: "0.0.2" });
  process.kill((await daemon.api.facts(pluginId)).pid, "SIGKILL");
  await until("it starts again", () => startedPids("held").length === 2);
  const held = Array.from({ length: 5 }, () => daemon.api.call(pluginId, { text: "hi" }));
  await upgrade(identifier, next);
  for (const { items, failure } of await Promise.all(held))
    expect([items.length, failure]).toEqual([1, undefined]);

  const pid = (await daemon.api.facts(pluginId)).pid;
  expect(startedPids("held").filter(isRunning)).toEqual([pid]);
});

test("calls that race an uninstallation are answered or told, and start nothing anew", async () => {
  for (let round = 0; round < 4; round++) {
    const { pluginId } = await daemon.api.install({ name: "raced" });
    const id = await installationId(pluginId);
    const call = () => daemon.api.call(pluginId, { mode: "items", n: 2, delay_ms: 5 });
    const calls = Array.from({ length: 30 }, call);
    const uninstalled = daemon.api.post("/uninstall", { plugin_installation_id: id });
    calls.push(...Array.from({ length: 30 }, call));
    for (const { status, items, failure } of await Promise.all(calls))
      if (failure === undefined) expect(items).toHaveLength(2);
      else expect([status, failure.message]).toEqual([404, "plugin not found"]);
    expect((await uninstalled).data).toBe(true);
    expect(startedPids("raced").filter(isRunning)).toEqual([]);
  }
});
