import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readServerEvents, type ServerEvent } from "../../src/cli/server-events.ts";
import {
  CONNECTOR_KEY,
  spawnTestConnector,
  startTestConnector,
  type TestConnector,
} from "../support/connector.ts";
import { freePort, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { fakePackage, readCall, TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { findSdkTools, type SdkDaemon, sdkPackage, startSdkDaemon } from "../support/sdk-daemon.ts";
import { openCall } from "./backwards-support.ts";

/* A daemon and `plugd connector`, as they meet in a deployment. */

setDefaultTimeout(240_000);

const OTHER = "tenant-of-functions";
const INSTALL_LIMIT_MS = 200_000;
const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

const connectorEnv = (url: string) => ({
  DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL: url,
  DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: CONNECTOR_KEY,
});

describe.skipIf(why !== "")(`a package with the SDK${why}`, () => {
  let connector: TestConnector;
  let daemon: SdkDaemon;
  let identifier: string;
  let pluginId: string;

  beforeAll(async () => {
    connector = await startTestConnector();
    daemon = await startSdkDaemon({ env: connectorEnv(connector.url) });
    ({ identifier, pluginId } = await daemon.add("calls-back"));
    await finished(
      await daemon.api.startInstallAs(identifier, { runtime: "serverless", tenant: OTHER }),
      OTHER,
    );
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await connector[Symbol.asyncDispose]();
  });

  async function finished(taskId: string, tenant = TENANT): Promise<void> {
    await until(
      "the task has ended",
      async () => {
        const { status, plugins } = await daemon.api.task(taskId, tenant);
        if (status === "failed") throw new Error(plugins[0]?.message);
        return status === "success";
      },
      { withinMs: INSTALL_LIMIT_MS, everyMs: 50 },
    );
  }

  /** Keeps, reads and removes a value: six calls back. */
  async function storage(tenant: string) {
    const data = { provider: "sdk", tool: "calls", credentials: {}, tool_parameters: { what: "storage" } };
    const { items, failure, text } = await readCall(await openCall(daemon, { pluginId, data, tenant }));
    const [item] = items as { message: { json_object: { result: unknown } } }[];
    return { result: item?.message.json_object.result, failure: failure && text };
  }
  const STORED = [false, null, "00ff", true, null, false];

  test("is a process for one tenant and a function for another, and calls back from both", async () => {
    expect(await storage(TENANT)).toEqual({ result: STORED, failure: undefined });
    expect(await storage(OTHER)).toEqual({ result: STORED, failure: undefined });
    const [fn] = await connector.functions();
    expect(fn?.identifier).toBe(identifier);
    const { data } = await daemon.api.get("/runtime/list?page=1&page_size=10", OTHER);
    expect(data).toMatchObject({ list: [{ runtime_type: "serverless", function_url: fn?.endpoint }] });
  });

  test("takes no call that the daemon has not signed", async () => {
    const [fn] = await connector.functions();
    const unsigned = await connector.call(fn?.endpoint ?? "", { what: "storage" });
    expect(unsigned.status).toBe(401);
    await unsigned.text();
  });

  test("moves to the function and back under load, and no call fails", async () => {
    const stop = new AbortController();
    const failures: unknown[] = [];
    let calls = 0;
    const { pluginId: kitchen } = await daemon.add("kitchen-tools");
    const callers = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) {
        const { items, failure, text } = await daemon.ask(kitchen, {
          path: "/tool/invoke",
          data: {
            provider: "kitchen",
            tool: "say",
            tool_parameters: { what: "text" },
            credentials: { api_key: "good-1" },
          },
        });
        calls++;
        if (failure || items.length !== 1) failures.push(text);
      }
    });
    for (const runtime of ["serverless", "local"]) {
      const before = calls;
      await until("calls are served", () => calls > before + 3);
      const { data } = await daemon.api.post("/runtime/switch", { plugin_id: kitchen, runtime });
      await finished((data as { task_id: string }).task_id);
      const after = calls;
      await until("calls are served after the switch", () => calls > after + 6, { withinMs: 60_000 });
    }
    stop.abort();
    await Promise.all(callers);
    expect(failures).toEqual([]);
  });
});

/** The plugin's live events, as they come, until the block ends (`await using`). */
async function watchPlugin(daemon: TestDaemon, plugin: string) {
  const leave = new AbortController();
  const query = new URLSearchParams({ plugin_id: plugin, from: "now" });
  const response = await fetch(`${daemon.url}/plugin/${TENANT}/debugging/events?${query.toString()}`, {
    headers: { "x-api-key": daemon.key },
    signal: leave.signal,
    keepalive: false,
  });
  const events: ServerEvent[] = [];
  const ended = (async () => {
    try {
      if (response.body) for await (const event of readServerEvents(response.body)) events.push(event);
    } catch (cause) {
      if (!leave.signal.aborted) throw cause;
    }
  })();
  return {
    events,
    async [Symbol.asyncDispose]() {
      leave.abort();
      await ended;
    },
  };
}

test("a program in the plain form is a function, signed both ways, and tells what it costs", async () => {
  await using connector = await startTestConnector();
  await using daemon = await startTestDaemon({ env: connectorEnv(connector.url) });
  const { data, failure } = await daemon.api.upload(
    await fakePackage(
      { name: "plain" },
      {
        "main.ts": readFileSync(join(import.meta.dir, "../support/plain-function.ts"), "utf8"),
        "manifest.yaml": PLAIN_MANIFEST,
      },
    ),
  );
  if (failure) throw new Error(failure.message);
  const { unique_identifier: identifier } = data as { unique_identifier: string };
  const task = await daemon.api.finished(
    await daemon.api.startInstallAs(identifier, { runtime: "serverless" }),
  );
  expect([task.status, task.plugins[0]?.message]).toEqual(["success", "installed"]);
  const pluginId = identifier.slice(0, identifier.indexOf(":"));
  const answer = await daemon.api.call(pluginId, { mode: "stream", n: 3 });
  expect(answer.failure).toBeUndefined();
  expect(answer.items).toMatchObject(
    [0, 1, 2].map((at) => ({ type: "text", message: { text: `part ${at}` } })),
  );
  const failed = await daemon.api.call(pluginId, { mode: "error" });
  expect(failed.failure).toMatchObject({
    error_type: "CredentialsValidationError",
    message: "Invalid API key",
    args: { code: "INVALID_CREDENTIALS" },
  });
  // What its processes print is shown to those who watch it here, from what was printed before on.
  await using watched = await watchPlugin(daemon, pluginId);
  await daemon.api.call(pluginId, { mode: "print" });
  const shown = (text: string) =>
    watched.events.filter(({ data }) => data.includes(text)).map(({ type }) => type);
  await until("its prints are shown", () => shown("a plain line").length > 0);
  expect(shown("a plain line")).toEqual(["output"]);
  await until("usage is counted", async () => {
    const text = await (await daemon.api.request("/metrics/")).text();
    return new RegExp(`plugin_serverless_execution_seconds_count\\{plugin_id="${pluginId}"\\} \\d`).test(
      text,
    );
  });
});

test("a function that was launched with another secret, or for another address, is launched anew", async () => {
  await using connector = await startTestConnector();
  const bytes = await fakePackage(
    { name: "known" },
    {
      "main.ts": readFileSync(join(import.meta.dir, "../support/plain-function.ts"), "utf8"),
      "manifest.yaml": PLAIN_MANIFEST,
    },
  );
  const ids: (string | undefined)[] = [];
  for (const secret of ["one", "another"]) {
    // Its port is another one each time, and so is the address for calls back.
    await using daemon = await startTestDaemon({
      env: { ...connectorEnv(connector.url), PLUGD_SERVERLESS_SIGNATURE_SECRET: secret },
    });
    const { data } = await daemon.api.upload(bytes);
    const { unique_identifier: identifier } = data as { unique_identifier: string };
    const task = await daemon.api.finished(
      await daemon.api.startInstallAs(identifier, { runtime: "serverless" }),
    );
    expect([task.status, task.plugins[0]?.message]).toEqual(["success", "installed"]);
    const answer = await daemon.api.call(identifier.slice(0, identifier.indexOf(":")), {
      mode: "stream",
      n: 1,
    });
    expect(answer.failure).toBeUndefined();
    ids.push((await connector.functions())[0]?.id);
  }
  expect(ids[1]).toBe(ids[0]);
});

describe.skipIf(why !== "")(`a connector that is killed in the middle of a launch${why}`, () => {
  test("fails the task in words, and the next one launches", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-killed-connector-"));
    const env = { PLUGD_CONNECTOR_PORT: String(freePort()) };
    const url = `http://127.0.0.1:${env.PLUGD_CONNECTOR_PORT}`;
    try {
      await using daemon = await startTestDaemon({ env: connectorEnv(url) });
      const { data } = await daemon.api.upload(sdkPackage("kitchen-tools"));
      const { unique_identifier: identifier } = data as { unique_identifier: string };
      let taskId: string;
      {
        await using first = await spawnTestConnector({ dataDir, env, alone: true });
        taskId = await daemon.api.startInstallAs(identifier, { runtime: "serverless" });
        await until(
          "it prepares the environment",
          async () =>
            /^(?:Finding out|Resolved|Using Python)/.test(
              (await daemon.api.task(taskId)).plugins[0]?.message ?? "",
            ),
          { withinMs: 60_000, everyMs: 10 },
        );
        first.kill("SIGKILL");
        await first.exited;
      }
      const { status, plugins } = await daemon.api.finished(taskId);
      expect(status).toBe("failed");
      expect(plugins[0]?.message).toMatch(/^Cannot launch a function at the connector ".*": /);
      expect(await daemon.api.installations()).toEqual([]);
      await using _second = await spawnTestConnector({ dataDir, env });
      const again = await daemon.api.startInstallAs(identifier, { runtime: "serverless" });
      await until(
        "it is launched",
        async () => {
          const task = await daemon.api.task(again);
          if (task.status === "failed") throw new Error(task.plugins[0]?.message);
          return task.status === "success";
        },
        { withinMs: INSTALL_LIMIT_MS, everyMs: 50 },
      );
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

const PLAIN_MANIFEST = `version: 0.0.1
type: plugin
author: tests
name: plain
label: {en_US: Plain}
description: {en_US: Plain.}
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource: {memory: 268435456}
plugins: {tools: [provider/fake.yaml]}
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: typescript, version: "1.4", entrypoint: main.ts, protocol: plain}
`;
