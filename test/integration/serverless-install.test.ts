import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedStart, spawnTestDaemon, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector } from "../support/stand-in-connector.ts";
import { startTestFunction, tool } from "../support/test-function.ts";

/* Installing as a function, and all that a connector can do wrong (contract/plugin-wire 3.1). */

setDefaultTimeout(60_000);

const NO_RETRY = { MAX_SERVERLESS_RETRY_TIMES: "1" };
const CONNECTOR_URL = "DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL";

async function installed(daemon: TestDaemon, runtime: "local" | "serverless" | "auto", tenant = TENANT) {
  const identifier = await daemon.api.uploaded({ name: "cloudy" });
  const task = await daemon.api.finished(
    await daemon.api.startInstallAs(identifier, { runtime, tenant }),
    tenant,
  );
  const [item] = task.plugins;
  return { identifier, status: task.status, message: item?.message ?? "" };
}

async function runtimes(daemon: TestDaemon, tenant = TENANT) {
  const { data } = await daemon.api.get("/runtime/list?page=1&page_size=256", tenant);
  return (data as { list: Record<string, unknown>[] }).list;
}

function admin(daemon: TestDaemon, path: string, body: object, key = "the admin's key"): Promise<Response> {
  return daemon.api.request(`/admin/plugin/serverless/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-admin-api-key": key },
    body: JSON.stringify(body),
  });
}

describe("an installation as a function", () => {
  test("sends the package once, and takes what is there after that", async () => {
    await using fn = startTestFunction(tool("from the cloud"));
    await using connector = startStandInConnector({ launch: () => fn.url });
    await using daemon = await startTestDaemon({ env: { ...connector.env, ...NO_RETRY } });
    const { identifier, message } = await installed(daemon, "serverless");
    expect(message).toBe("installed");
    const [name, checksum] = [identifier.split(":")[0], identifier.split("@")[1]];
    const fileName = `${name?.replace("/", "@")}@0.0.1@${checksum}.difypkg`;
    expect(connector.requests).toEqual([
      "POST /ping",
      `GET /v1/runner/instances?filename=${encodeURIComponent(fileName)}`,
      "POST /v1/launch",
    ]);
    const [launched] = connector.launches;
    expect(launched).toMatchObject({ fileName, verified: "false" });
    expect(launched?.metadata.plugin_unique_identifier).toBe(identifier);
    expect(launched?.metadata.daemon_url).toMatch(new RegExp(`^${daemon.url}/function/[0-9a-f]{64}$`));
    const { items } = await daemon.api.call(name ?? "", { mode: "x" });
    expect(items).toMatchObject([{ message: { text: "from the cloud" } }]);
    expect(await runtimes(daemon)).toMatchObject([
      {
        runtime_type: "serverless",
        reason: "asked for",
        state: "ready",
        function_name: "fn-1",
        function_url: fn.url,
      },
    ]);
    // A second tenant needs nothing of the connector, and one that comes after all have left asks it.
    await installed(daemon, "serverless", "t2");
    for (const tenant of [TENANT, "t2"])
      for (const { id } of await daemon.api.installations(tenant))
        await daemon.api.post("/uninstall", { plugin_installation_id: id }, tenant);
    await installed(daemon, "serverless");
    expect(connector.requests.filter((request) => request.startsWith("GET"))).toHaveLength(2);
    expect(connector.launches).toHaveLength(1);
  });

  test("shows the connector's own words as it goes on, and as it fails", async () => {
    const goOn = Promise.withResolvers<string>();
    await using connector = startStandInConnector({ launch: () => goOn.promise });
    await using daemon = await startTestDaemon({ env: { ...connector.env, ...NO_RETRY } });
    const identifier = await daemon.api.uploaded({ name: "cloudy" });
    const taskId = await daemon.api.startInstallAs(identifier, { runtime: "serverless" });
    await until("the task tells the step", async () => {
      const [item] = (await daemon.api.task(taskId)).plugins;
      return item?.status === "running" && item.message === "step 1 of 2";
    });
    goOn.reject(new Error("no space left in the registry"));
    const { status, plugins } = await daemon.api.finished(taskId);
    expect(status).toBe("failed");
    expect(plugins[0]?.message).toContain("no space left in the registry");
    expect(await daemon.api.installations()).toEqual([]);
  });

  const refused = (response: () => Response) => (_: Request, path: string) =>
    path === "/v1/launch" ? response() : undefined;
  const lines = (...texts: object[]) =>
    new Response(texts.map((text) => `data: ${JSON.stringify(text)}\n\n`).join(""));
  test.each<[string, () => Response, string]>([
    [
      "is refused",
      () => new Response("no credit", { status: 402 }),
      "request failed with status code: 402 and respond with: no credit",
    ],
    [
      "is cut off",
      () => lines({ Stage: "build", State: "running" }),
      "the connector broke the launch off before its end",
    ],
    [
      "names no URL",
      () =>
        lines(
          { Stage: "run", State: "success", Message: "name=fn,id=i" },
          { Stage: "end", State: "success" },
        ),
      "failed to get lambda url or function name",
    ],
    [
      "ends without a function",
      () => lines({ Stage: "end", State: "success" }),
      "failed to get lambda url or function name",
    ],
    [
      "names something that is no URL",
      () =>
        lines(
          { Stage: "run", State: "success", Message: "endpoint=fn:1,name=f" },
          { Stage: "end", State: "success" },
        ),
      'Cannot use "fn:1" as the URL of a function',
    ],
    [
      "knows stages that are not known here",
      () => lines({ Stage: "dream", State: "running" }),
      "broke the launch off",
    ],
    ["answers HTML", () => new Response("<html>"), "broke the launch off"],
    [
      "is silent for too long",
      () => new Response(new ReadableStream({ start() {} })),
      "it took longer than 1 s",
    ],
  ])("whose launch %s fails with its reason", async (_, response, reason) => {
    await using connector = startStandInConnector({ launch: () => "", instead: refused(response) });
    await using daemon = await startTestDaemon({
      env: { ...connector.env, ...NO_RETRY, DIFY_PLUGIN_SERVERLESS_CONNECTOR_LAUNCH_TIMEOUT: "1" },
    });
    const { status, message } = await installed(daemon, "serverless");
    expect({ status, message }).toEqual({ status: "failed", message: expect.stringContaining(reason) });
    expect(await daemon.api.installations()).toEqual([]);
  });

  test("with the wrong key, and without a connector, says what to do", async () => {
    await using connector = startStandInConnector({ launch: () => "" });
    const wrong = { ...connector.env, DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: "wrong" };
    await using daemon = await startTestDaemon({ env: wrong });
    expect((await installed(daemon, "serverless")).message).toMatch(/wrong key[^]*CONNECTOR_API_KEY/);
    await connector[Symbol.asyncDispose]();
    expect((await installed(daemon, "serverless")).message).toMatch(
      /Cannot look for a function[^]*CONNECTOR_URL/,
    );
    await using alone = await startTestDaemon();
    const identifier = await alone.api.uploaded({ name: "cloudy" });
    const { failure } = await alone.api.post("/install/identifiers", {
      plugin_unique_identifiers: [identifier],
      source: "package",
      metas: [{ runtime: "serverless" }],
    });
    expect(failure?.message).toBe("Cannot run a plugin as a function: no connector is set");
  });

  test("in a private range is refused where the operator forbids that", async () => {
    await using fn = startTestFunction();
    await using connector = startStandInConnector({ launch: () => fn.url });
    await using daemon = await startTestDaemon({
      env: { ...connector.env, PLUGD_SERVERLESS_PRIVATE_URLS: "false" },
    });
    expect((await installed(daemon, "serverless")).message).toContain(
      "its address 127.0.0.1 is in a private range",
    );
    expect(fn.calls).toEqual([]);
  });
});

test("the platform serverless without a connector that answers does not start; elsewhere it does", async () => {
  const env = { [CONNECTOR_URL]: "http://127.0.0.1:1", DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: "k" };
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-no-connector-"));
  const { code, output } = await failedStart({ dataDir, env: { ...env, PLATFORM: "serverless" } });
  expect(code).toBe(1);
  expect(output).toContain("the connector does not answer");
  await using daemon = await startTestDaemon({ dataDir, env });
  await until("it is told", () => daemon.log().includes("The connector does not answer"));
  expect((await installed(daemon, "auto")).status).toBe("success");
  await rm(dataDir, { recursive: true, force: true });
});

test("a daemon that is killed in the middle of a launch tells the truth after its restart", async () => {
  const launching = Promise.withResolvers<void>();
  await using fn = startTestFunction(tool("there after all"));
  let hang = true;
  await using connector = startStandInConnector({
    launch() {
      launching.resolve();
      return hang ? new Promise<string>(() => undefined) : fn.url;
    },
  });
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-killed-launch-"));
  let taskId: string;
  let identifier: string;
  {
    await using first = await spawnTestDaemon({ dataDir, env: connector.env });
    identifier = await first.api.uploaded({ name: "cloudy" });
    taskId = await first.api.startInstallAs(identifier, { runtime: "serverless" });
    await launching.promise;
    first.kill("SIGKILL");
    await first.exited;
  }
  hang = false;
  await using second = await startTestDaemon({ dataDir, env: connector.env });
  const { status, plugins } = await second.api.task(taskId);
  expect([status, plugins[0]?.message]).toEqual(["failed", "An unexpected daemon shutdown occurred"]);
  expect(await second.api.installations()).toEqual([]);
  expect((await installed(second, "serverless")).status).toBe("success");
  await second.close();
  await rm(dataDir, { recursive: true, force: true });
});

describe("the admin API", () => {
  test("builds a function anew, telling how far it is, and points at another one", async () => {
    await using old = startTestFunction(tool("old"));
    await using fresh = startTestFunction(tool("fresh"));
    const urls = [old.url, fresh.url];
    await using connector = startStandInConnector({ launch: () => urls.shift() ?? "" });
    await using daemon = await startTestDaemon({ env: { ...connector.env, ...NO_RETRY } });
    const { identifier } = await installed(daemon, "serverless");
    const text = async () => {
      const { items } = await daemon.api.call(identifier.split(":")[0] ?? "", { mode: "x" });
      return (items as { message: { text: string } }[])[0]?.message.text;
    };
    expect(await text()).toBe("old");
    const response = await admin(daemon, "reinstall", { plugin_unique_identifier: identifier });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const frames = (await response.text()).trimEnd().split("\n\n");
    const events = frames.map((frame) => JSON.parse(frame.replace("data: ", "")));
    expect(events.every(({ code, message }) => code === 0 && message === "success")).toBe(true);
    expect(events.at(-1).data).toEqual({ event: "done", data: "Installed" });
    expect(events.map(({ data }) => data.data)).toContain("step 1 of 2");
    expect(await text()).toBe("fresh");
    const switched = await admin(daemon, "switch-endpoint", {
      plugin_unique_identifier: identifier,
      function_name: "back",
      function_url: old.url,
    });
    expect(await switched.json()).toEqual({ code: 0, message: "success", data: true });
    expect(await text()).toBe("old");
  });

  test("wants a key of its own, and a plugin that is a function", async () => {
    await using connector = startStandInConnector({ launch: () => "" });
    await using daemon = await startTestDaemon({ env: connector.env });
    const { identifier } = await installed(daemon, "local");
    const body = {
      plugin_unique_identifier: identifier,
      function_name: "f",
      function_url: "http://127.0.0.1:1",
    };
    expect((await admin(daemon, "switch-endpoint", body, "wrong")).status).toBe(401);
    expect((await admin(daemon, "reinstall", body, daemon.key)).status).toBe(401);
    expect(await (await admin(daemon, "switch-endpoint", body)).json()).toMatchObject({ code: -500 });
  });
});
