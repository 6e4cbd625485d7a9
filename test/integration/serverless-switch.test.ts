import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { fakePackage, TENANT } from "../support/daemon-api.ts";
import { testDeps, testIo } from "../unit/cli/test-io.ts";
import { runCli } from "../../src/cli/cli.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector } from "../support/stand-in-connector.ts";
import { sessionLine, startTestFunction, streamed, textItem, tool } from "../support/test-function.ts";

/* One package for several tenants in several ways, and an installation that moves between them without an outage. */

setDefaultTimeout(60_000);

async function switchTo(daemon: LocalDaemon, pluginId: string, runtime: string) {
  const { data, text } = await daemon.api.post("/runtime/switch", { plugin_id: pluginId, runtime });
  const { task_id: taskId } = (data ?? {}) as { task_id?: string };
  if (taskId === undefined) throw new Error(text);
  return taskId === "" ? undefined : daemon.api.finished(taskId);
}

async function runtimeOf(daemon: LocalDaemon, tenant = TENANT): Promise<Record<string, unknown>> {
  const { data } = await daemon.api.get("/runtime/list?page=1&page_size=10", tenant);
  return (data as { list: Record<string, unknown>[] }).list[0] ?? {};
}

test("an installation moves to a function and back under load, and no call fails", async () => {
  await using fn = startTestFunction(tool("from the function"));
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await startTestDaemon({ env: connector.env });
  const { pluginId, identifier } = await daemon.api.install({ name: "mover" });
  expect(await runtimeOf(daemon)).toMatchObject({ runtime_type: "local", reason: "default (PLUGD_RUNTIME)" });

  const seen = new Set<string>();
  const failures: string[] = [];
  let calls = 0;
  const stop = new AbortController();
  const callers = Array.from({ length: 8 }, async () => {
    while (!stop.signal.aborted) {
      const { items, failure, text } = await daemon.api.call(pluginId, { mode: "echo", text: "x" });
      calls++;
      if (failure || items.length === 0) failures.push(text);
      else seen.add(text.includes("from the function") ? "serverless" : "local");
    }
  });
  for (const runtime of ["serverless", "local", "serverless", "local"]) {
    const before = calls;
    seen.clear();
    await until("calls are served before the switch", () => calls > before + 20);
    expect((await switchTo(daemon, pluginId, runtime))?.status).toBe("success");
    seen.clear();
    const after = calls;
    await until("calls are served after it", () => calls > after + 40);
    expect(await runtimeOf(daemon)).toMatchObject({ runtime_type: runtime, reason: "asked for" });
    expect([...seen]).toContain(runtime);
  }
  stop.abort();
  await Promise.all(callers);
  expect(failures).toEqual([]);
  expect(calls).toBeGreaterThan(200);
  // What it ran as is gone.
  await until("the function is forgotten", async () => (await runtimeOf(daemon))["function_url"] === "");
  expect((await daemon.api.installations()).map((row) => row.plugin_unique_identifier)).toEqual([identifier]);
});

test("an open call ends where it began, whatever its plugin moves to meanwhile", async () => {
  const goOn = Promise.withResolvers<void>();
  await using fn = startTestFunction(
    ({ sessionId }) =>
      new Response(
        (async function* () {
          yield textItem(sessionId, "begun");
          await goOn.promise;
          yield textItem(sessionId, "ended") + sessionLine(sessionId, "end", {});
        })(),
      ),
  );
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await startTestDaemon({ env: { ...connector.env, PLUGD_RUNTIME: "serverless" } });
  const { pluginId } = await daemon.api.install({ name: "mover" });
  const response = await daemon.api.open(pluginId, { mode: "x" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const first = text === "";
    text += decoder.decode(chunk);
    if (!first) continue;
    const { data } = await daemon.api.post("/runtime/switch", { plugin_id: pluginId, runtime: "local" });
    const { task_id: taskId } = data as { task_id: string };
    expect((await daemon.api.finished(taskId)).status).toBe("success");
    // It runs here by now, while the function still has its call.
    expect((await daemon.api.facts(pluginId)).pid).toBeGreaterThan(0);
    goOn.resolve();
  }
  expect(text).toContain("ended");
  expect(text).not.toContain('"code":-');
});

test("one package is a process for one tenant and a function for another", async () => {
  await using fn = startTestFunction(tool("from the function"));
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await startTestDaemon({ env: connector.env });
  const { pluginId, identifier } = await daemon.api.install({ name: "both" });
  const task = await daemon.api.finished(
    await daemon.api.startInstallAs(identifier, { runtime: "serverless", tenant: "t2" }),
    "t2",
  );
  expect(task.status).toBe("success");
  const { pid } = await daemon.api.facts(pluginId);
  expect(pid).toBeGreaterThan(0);
  const { items } = await daemon.api.call(pluginId, { mode: "x" }, { tenant: "t2" });
  expect(items).toMatchObject([{ message: { text: "from the function" } }]);
  expect([
    (await runtimeOf(daemon))["runtime_type"],
    (await runtimeOf(daemon, "t2"))["runtime_type"],
  ]).toEqual(["local", "serverless"]);
  // The process goes with its tenant; the function of the other one stays.
  const [row] = await daemon.api.installations();
  await daemon.api.post("/uninstall", { plugin_installation_id: row?.id });
  const again = await daemon.api.call(pluginId, { mode: "x" }, { tenant: "t2" });
  expect(again.failure).toBeUndefined();
  await until("the process has ended", () => {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  });
});

test("the command line installs a function, shows why it is one, and moves it", async () => {
  await using fn = startTestFunction(tool("from the function"));
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await startTestDaemon({ env: connector.env });
  const file = join(daemon.dataDir, "cli.difypkg");
  await Bun.write(file, await fakePackage({ name: "typed" }));
  const plugd = async (...argv: string[]) => {
    const io = testIo();
    const to = ["--url", daemon.url, "--key", daemon.key, "--tenant", TENANT];
    const code = await runCli([...argv, ...to], io, testDeps());
    return { code, text: io.stdout.text + io.stderr.text };
  };
  expect(await plugd("install", file, "--runtime", "serverless")).toMatchObject({ code: 0 });
  const listed = await plugd("list");
  expect(listed.text).toMatch(/serverless +asked for/);
  expect((await plugd("runtime", "list")).text).toContain(fn.url);
  const [pluginId = ""] = /tests\/typed/.exec(listed.text) ?? [];
  expect((await plugd("runtime", "set", pluginId, "local")).text).toContain("now runs as local (asked for)");
  expect((await plugd("list")).text).toMatch(/local +asked for/);
  expect((await plugd("runtime", "set", pluginId, "local")).text).toContain("runs as local");
  expect((await plugd("install", file, "--runtime", "serverless")).code).toBe(0);
  expect((await plugd("list")).text).toMatch(/serverless +asked for/);
  expect((await plugd("runtime", "set", pluginId, "moon")).code).toBe(2);
});

test("a switch that fails leaves everything as it is", async () => {
  await using connector = startStandInConnector({
    launch() {
      throw new Error("no more functions");
    },
  });
  await using daemon = await startTestDaemon({ env: connector.env });
  const { pluginId } = await daemon.api.install({ name: "mover" });
  const { pid } = await daemon.api.facts(pluginId);
  const task = await switchTo(daemon, pluginId, "serverless");
  expect(task?.status).toBe("failed");
  expect(task?.plugins[0]?.message).toContain("no more functions");
  expect(await runtimeOf(daemon)).toMatchObject({ runtime_type: "local" });
  expect((await daemon.api.facts(pluginId)).pid).toBe(pid);
  expect(
    (await daemon.api.post("/runtime/switch", { plugin_id: "a/none", runtime: "local" })).failure,
  ).toMatchObject({
    message: "plugin not found",
  });
  // There already: no task is needed, and the reason is a new one.
  expect(await switchTo(daemon, pluginId, "local")).toBeUndefined();
  expect(await runtimeOf(daemon)).toMatchObject({ runtime_type: "local", reason: "asked for" });
});

test("a shutdown hangs up on functions whose calls do not end in time", async () => {
  await using fn = startTestFunction(({ sessionId }) =>
    streamed([textItem(sessionId, "begun")], { open: true }),
  );
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await startTestDaemon({
    env: { ...connector.env, PLUGD_RUNTIME: "serverless", PLUGD_DRAIN_TIMEOUT: "1" },
  });
  const { pluginId } = await daemon.api.install({ name: "open" });
  const response = await daemon.api.open(pluginId, { mode: "x" });
  // The answer is cut, too: how that looks to its client is the listener's affair.
  await Promise.all([response.text().catch(String), daemon.close()]);
  await fn.calls[0]?.left;
});
