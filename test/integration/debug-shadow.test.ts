/** Plugins of developers' connections in place of what is installed, and without anything installed. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnTestDaemon, freePort } from "../support/daemon.ts";
import { OTHER_TENANT, readCall, TENANT } from "../support/daemon-api.ts";
import {
  connectDebug,
  debugKey,
  end,
  item,
  registration,
  session,
  toolMessage,
  manifestMessage,
  handshake,
  ASSET,
  END,
} from "../support/debug-client.ts";
import {
  debugConnections,
  type DebugDaemon,
  nextRequest,
  startDebugDaemon,
} from "../support/debug-daemon.ts";
import { until } from "../support/processes.ts";
import { callHook, endpointsOf, hex } from "./hooks-support.ts";

setDefaultTimeout(60_000);

const PLUGIN = "tests/debugged";
const CLOSED = { error_type: "ConnectionClosedError", message: "Connection closed unexpectedly", args: {} };

let daemon: DebugDaemon;
beforeAll(async () => {
  daemon = await startDebugDaemon();
});
afterAll(() => daemon[Symbol.asyncDispose]());

const gone = (pluginId = PLUGIN, tenant = TENANT) =>
  until(`${pluginId} is not listed`, async () => (await daemon.listed(tenant))[pluginId] === undefined);

describe("a debugging connection", () => {
  test("is listed, called, and gone after the grace", async () => {
    await using client = await daemon.register();
    const plugin = (await daemon.listed())[PLUGIN];
    const iconId = String(plugin?.declaration["icon"]);
    expect(plugin).toMatchObject({
      runtime_type: "remote",
      source: "remote",
      version: "0.0.1",
      plugin_unique_identifier: expect.stringMatching(/^tests\/debugged:0\.0\.1@[0-9a-f]{64}$/),
      declaration: {
        icon: expect.stringMatching(/^[0-9a-f]{64}\.svg$/),
        tool: { identity: { name: "fake" } },
      },
    });
    const icon = await daemon.api.request(`/plugin/${TENANT}/asset/${iconId}`);
    expect(await icon.text()).toStartWith("<svg");
    const answer = daemon.api.call(PLUGIN, { n: 1 });
    const request = await nextRequest(client);
    expect(request).toMatchObject({
      data: { type: "tool", action: "invoke_tool", provider: "fake", tool: "act", tool_parameters: { n: 1 } },
    });
    client.send(item(request.session_id, "one"), item(request.session_id, "two"), end(request.session_id));
    expect((await answer).items).toMatchObject([{ message: { text: "one" } }, { message: { text: "two" } }]);
    expect(await (await daemon.api.request("/metrics/")).text()).toMatch(
      /plugin_debug_connections 1[\s\S]*active_plugins_total\{runtime_type="remote"\} 1/,
    );
    client.hangUp();
    await gone();
    expect((await daemon.api.call(PLUGIN, {})).failure).toMatchObject({ error_type: "PluginNotFoundError" });
    expect(await debugConnections(daemon)).toBe(0);
  });

  test("serves calls back and endpoints as a local plugin does", async () => {
    await using client = await daemon.register({
      messages: (key) => [
        handshake(key),
        manifestMessage({ name: "hooked" }),
        toolMessage(),
        {
          type: "endpoint_declaration",
          data: [{ settings: [], endpoints: [{ path: "/any", method: "GET" }] }],
        },
        ASSET,
        END,
      ],
    });
    const answer = daemon.api.call("tests/hooked", {});
    const { session_id } = await nextRequest(client);
    const ask = (id: string, request: object) =>
      client.send(
        session(session_id, { type: "invoke", data: { type: "storage", backwards_request_id: id, request } }),
      );
    ask("1", { opt: "set", key: "k", value: hex("kept") });
    expect(await client.next()).toMatchObject({ event: "backwards_response", data: { event: "response" } });
    expect(await client.next()).toMatchObject({ data: { backwards_request_id: "1", event: "end" } });
    ask("2", { opt: "get", key: "k" });
    expect(await client.next()).toMatchObject({ data: { data: { data: hex("kept") } } });
    await client.next();
    client.send(end(session_id));
    expect((await answer).failure).toBeUndefined();

    const plugin = (await daemon.listed())["tests/hooked"];
    const hook = await endpointsOf(daemon).setUp(plugin?.plugin_unique_identifier ?? "", {});
    const called = callHook(daemon, `${hook}/any`);
    const request = await nextRequest(client);
    expect(request.data).toMatchObject({ type: "endpoint", action: "invoke_endpoint" });
    client.send(
      session(request.session_id, {
        type: "stream",
        data: { status: 201, headers: {}, result: hex("hooked") },
      }),
      end(request.session_id),
    );
    const response = await called;
    expect([response.status, await response.text()]).toEqual([201, "hooked"]);
    client.hangUp();
    await gone("tests/hooked");
  });

  test("ends open calls at once with what they have said, and the typed error", async () => {
    await using client = await daemon.register();
    const response = daemon.api.open(PLUGIN, {});
    client.send(item((await nextRequest(client)).session_id, "last words"));
    const opened = await response;
    const began = performance.now();
    client.hangUp();
    const answer = await readCall(opened);
    expect(performance.now() - began).toBeLessThan(500);
    expect(answer.items).toMatchObject([{ message: { text: "last words" } }]);
    expect(answer.failure).toMatchObject(CLOSED);
    await gone();
  });

  test("that comes back within the grace keeps its installation, and calls made meanwhile wait for it", async () => {
    await using first = await daemon.register();
    const before = (await daemon.listed())[PLUGIN];
    first.hangUp();
    await until("the connection is gone", async () => (await debugConnections(daemon)) === 0);
    const waiting = daemon.api.call(PLUGIN, { waits: true });
    // A changed plugin, as after an edit: another version under the same installation.
    await using second = await daemon.register({ manifest: { version: "0.0.2" } });
    const { session_id, data } = await nextRequest(second);
    expect(data).toMatchObject({ tool_parameters: { waits: true } });
    second.send(item(session_id, "back"), end(session_id));
    expect((await waiting).items).toMatchObject([{ message: { text: "back" } }]);
    const after = (await daemon.listed())[PLUGIN];
    expect(after).toMatchObject({ id: before?.id ?? "", version: "0.0.2" });
    second.hangUp();
    await gone();
  });

  test("is replaced by a later one of the same plugin, whom the end of the earlier one leaves alone", async () => {
    await using first = await daemon.register();
    await using second = await daemon.register();
    const served = async () => {
      const answer = daemon.api.call(PLUGIN, {});
      const { session_id } = await nextRequest(second);
      second.send(item(session_id, "later"), end(session_id));
      return (await answer).items;
    };
    expect(await served()).toHaveLength(1);
    first.hangUp();
    await until("the earlier one is gone", async () => (await debugConnections(daemon)) === 1);
    expect(await served()).toHaveLength(1);
    second.hangUp();
    await gone();
  });

  test("of a key belongs to the tenant of the key", async () => {
    await using client = await daemon.register({ tenant: OTHER_TENANT });
    expect((await daemon.listed())[PLUGIN]).toBeUndefined();
    expect((await daemon.api.call(PLUGIN, {})).failure).toMatchObject({ error_type: "PluginNotFoundError" });
    const answer = daemon.api.call(PLUGIN, {}, { tenant: OTHER_TENANT });
    const { session_id } = await nextRequest(client);
    client.send(end(session_id));
    expect((await answer).failure).toBeUndefined();
    client.hangUp();
    await gone(PLUGIN, OTHER_TENANT);
  });
});

describe("what happens to a debugged plugin", () => {
  test("is seen by those who watch it in its tenant, and by nobody else", async () => {
    await using client = await daemon.register({ manifest: { name: "watched" } });
    client.send(
      { event: "log", session_id: null, data: { level: "warning", message: "look", timestamp: 1 } },
      "print",
    );
    const answer = daemon.api.call("tests/watched", {});
    client.send(end((await nextRequest(client)).session_id));
    await answer;
    client.hangUp();
    const events = async (tenant: string) => {
      const query = "plugin_id=tests/watched&from=start&follow=false";
      return (await daemon.api.request(`/plugin/${tenant}/debugging/events?${query}`)).text();
    };
    await until("its end is told", async () =>
      (await events(TENANT)).includes("Debugging connection closed"),
    );
    const told = await events(TENANT);
    for (const part of ["Debugging connection registered", "look", "print", "event:call_ended"])
      expect(told).toContain(part);
    expect(await events(OTHER_TENANT)).not.toContain("look");
    await gone("tests/watched");
  });

  test("has no readme and no package, and says so", async () => {
    await using client = await daemon.register({ manifest: { name: "bare" } });
    const { plugin_unique_identifier: identifier = "" } = (await daemon.listed())["tests/bare"] ?? {};
    const query = `plugin_unique_identifier=${encodeURIComponent(identifier)}`;
    const readme = await daemon.api.get(`/fetch/readme?${query}&language=en_US`);
    expect(readme.failure?.message).toStartWith(
      "failed to get readme from database: plugin package not found",
    );
    const asset = await daemon.api.request(`/plugin/${TENANT}/extract-asset/?${query}&file_path=icon.svg`);
    expect(await asset.text()).toContain("plugin package not found");
    client.hangUp();
    await gone("tests/bare");
  });
});

describe("a plugin that is installed", () => {
  const shadow = () => daemon.register({ manifest: { name: "fake", version: "9.9.9" } });
  const given = (version: string, tenant = TENANT) =>
    until(
      `version ${version} is listed`,
      async () => (await daemon.listed(tenant))["tests/fake"]?.version === version,
    );

  test("is shadowed for one tenant, given back, and gone when it is uninstalled meanwhile", async () => {
    const { identifier } = await daemon.api.install({}, TENANT);
    await daemon.api.finished(await daemon.api.startInstall(identifier, OTHER_TENANT), OTHER_TENANT);
    const before = (await daemon.listed())["tests/fake"];
    await using client = await shadow();
    expect((await daemon.listed())["tests/fake"]).toMatchObject({
      id: before?.id ?? "",
      runtime_type: "remote",
      version: "9.9.9",
    });
    const { data } = await daemon.api.get("/tools?page=1&page_size=10");
    expect(data).toMatchObject([
      { plugin_id: "tests/fake", declaration: { tools: [{ description: { llm: "Acts" } }] } },
    ]);
    const answer = daemon.api.call("tests/fake", {});
    const { session_id } = await nextRequest(client);
    client.send(item(session_id, "shadow"), end(session_id));
    expect((await answer).items).toMatchObject([{ message: { text: "shadow" } }]);

    // The other tenant has its own.
    expect((await daemon.listed(OTHER_TENANT))["tests/fake"]).toMatchObject({
      version: "0.0.1",
      runtime_type: "local",
    });
    const { pid } = await daemon.api.facts("tests/fake", OTHER_TENANT);

    // A call that waits for the client is answered by what is installed when nobody has come back.
    client.hangUp();
    const facts = await daemon.api.facts("tests/fake");
    expect(facts.pid).toBe(pid);
    expect((await daemon.listed())["tests/fake"]).toMatchObject({
      ...before,
      updated_at: expect.any(String),
    });

    await using again = await shadow();
    const { code } = await daemon.api.post("/uninstall", { plugin_installation_id: before?.id });
    expect(code).toBe(0);
    expect((await daemon.listed())["tests/fake"]).toMatchObject({ version: "9.9.9", runtime_type: "remote" });
    again.hangUp();
    await gone("tests/fake");
    await given("0.0.1", OTHER_TENANT);
  });

  test("can be installed while it is debugged, and is there afterwards", async () => {
    await using client = await shadow();
    await daemon.api.install({});
    expect((await daemon.listed())["tests/fake"]).toMatchObject({ version: "9.9.9" });
    client.hangUp();
    await given("0.0.1");
    expect(await daemon.api.facts("tests/fake")).toHaveProperty("pid");
  });
});

describe("a daemon that ends", () => {
  test("closes connections, gives back what they shadowed, and takes them again after its start", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-debug-"));
    try {
      let port = 0;
      {
        await using first = await startDebugDaemon({ dataDir });
        port = first.debugPort;
        const client = await first.register();
        await first.close();
        await client.closed;
      }
      await using second = await startDebugDaemon({
        dataDir,
        env: { PLUGIN_REMOTE_INSTALLING_PORT: String(port) },
      });
      expect(await second.listed()).toEqual({});
      await using client = await second.register();
      expect((await second.listed())[PLUGIN]).toBeDefined();
      client.hangUp();
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test("by kill -9 leaves no connection in the lists of the next one, and keys stay good", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-debug-"));
    const port = freePort();
    const env = { PLUGIN_REMOTE_INSTALLING_ENABLED: "true", PLUGIN_REMOTE_INSTALLING_PORT: String(port) };
    try {
      let key: string;
      {
        await using child = await spawnTestDaemon({ dataDir, env });
        key = await debugKey(child.api);
        await using client = await connectDebug(port);
        client.send(...registration(key));
        await until("it is registered", async () => (await child.api.installations()).length === 1);
        child.kill("SIGKILL");
        await child.exited;
        await client.closed;
      }
      await using next = await spawnTestDaemon({ dataDir, env });
      expect(await next.api.installations()).toEqual([]);
      expect(await debugKey(next.api)).toBe(key);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
