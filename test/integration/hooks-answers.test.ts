import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { type Installed, readAnswer } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { openRawCall } from "../support/raw-call.ts";
import { callHook, endpointsOf, hex, script } from "./hooks-support.ts";

setDefaultTimeout(30_000);

let daemon: LocalDaemon;
let plugin: Installed;
let endpoints: ReturnType<typeof endpointsOf>;

beforeAll(async () => {
  daemon = await startTestDaemon({ env: { PLUGIN_MAX_EXECUTION_TIMEOUT: "2" } });
  endpoints = endpointsOf(daemon);
  plugin = await daemon.api.install({ name: "hooks", endpoints: "plain" });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Calls a new hook whose plugin does these steps. */
async function answering(
  steps: readonly Readonly<Record<string, unknown>>[],
  more: Readonly<Record<string, unknown>> = {},
  init: RequestInit = {},
): Promise<Response> {
  return callHook(daemon, `${await endpoints.setUp(plugin.identifier, script(steps, more))}/x`, init);
}

const item = (status: number, headers: Readonly<Record<string, unknown>> | undefined, body?: string) => ({
  item: { status, headers, ...(body !== undefined && { result: hex(body) }) },
});
const piece = (text: string) => ({ item: { result: hex(text) } });

describe("a request for a hook", () => {
  test.each(["GET", "POST", "PUT", "DELETE", "OPTIONS"])(
    "%s arrives as a whole message, and needs no key",
    async (method) => {
      const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
      const body = method === "GET" ? undefined : "body é";
      const headers = { "x-given": "1", x_dropped: "1", "x-forwarded-for": "9.9.9.9" };
      const response = await callHook(daemon, `${path}/a%20b/c?z=1&a=2`, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      expect(text).toStartWith(`${method} /a%20b/c?a=2&z=1 HTTP/1.1\r\nHost: 127.0.0.1:${daemon.port}\r\n`);
      expect(text).toContain(`\r\nDify-Hook-Url: ${daemon.url}${path}/a b/c\r\n`);
      expect(text).toContain("\r\nX-Given: 1\r\n");
      expect(text).not.toMatch(/x_dropped|9\.9\.9\.9/i);
      expect(text.slice(text.indexOf("\r\n\r\n") + 4)).toBe(body ?? "");
    },
  );

  test("with other methods finds no route, and without a slash is sent to one", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
    for (const method of ["PATCH", "PROPFIND"]) {
      const response = await callHook(daemon, `${path}/x`, { method });
      expect([response.status, await response.text()]).toEqual([
        404,
        '{"code":"not_found","message":"route not found"}',
      ]);
    }
    const moved = await callHook(daemon, `${path}?a=1`);
    expect([moved.status, moved.headers.get("location")]).toEqual([301, `${path}/?a=1`]);
    expect((await callHook(daemon, path, { method: "POST" })).status).toBe(307);
  });

  test("starts a plugin that does not run, and waits for it", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
    const { pid } = await daemon.api.facts(plugin.pluginId);
    process.kill(pid, "SIGKILL");
    await until("the daemon has seen its end", () =>
      daemon.log().includes("Plugin ended and is started again"),
    );
    expect((await callHook(daemon, `${path}/`)).status).toBe(200);
  });
});

describe("an answer of a hook", () => {
  test("has the plugin's status, headers and body", async () => {
    const response = await answering([
      item(418, { "Content-Type": "text/x-tea", "X-Utf8": "é", "Set-Cookie": "a=1" }, "té"),
    ]);
    expect([response.status, await response.text()]).toEqual([418, "té"]);
    expect(response.headers.get("content-type")).toBe("text/x-tea");
    expect(response.headers.getSetCookie()).toEqual(["a=1"]);
  });

  test("begins with the first piece, long before the last", async () => {
    const response = await answering([
      item(201, { "Content-Type": "text/event-stream" }),
      piece("one"),
      { wait: 1000 },
      piece("two"),
    ]);
    expect([response.status, response.headers.get("content-type")]).toEqual([201, "text/event-stream"]);
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one");
    expect((await daemon.api.health()).busy).toBe(1);
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("two");
    expect((await reader.read()).done).toBe(true);
  });

  test("of HEAD has the length that the plugin says, and no body", async () => {
    const steps = [item(200, { "Content-Type": "text/x-a", "Content-Length": "1234" }, "some body")];
    const response = await answering(steps, { hang: true }, { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
      200,
      "1234",
      "",
    ]);
    expect(response.headers.get("content-type")).toBe("text/x-a");
  });

  test.each([
    [204, "text/plain"],
    [304, null],
  ])("of status %i has no body, whatever the plugin writes", async (status, type) => {
    const headers = { "Content-Type": "text/plain", "Content-Length": "4", Location: "/x" };
    const response = await answering([item(status, headers, "body")]);
    expect([response.status, await response.text()]).toEqual([status, ""]);
    expect([response.headers.get("content-type"), response.headers.get("location")]).toEqual([type, "/x"]);
  });

  test("is empty when the plugin ends without a body", async () => {
    const response = await answering([item(202, { "X-A": "1" })]);
    expect([response.status, response.headers.get("x-a"), await response.text()]).toEqual([202, "1", ""]);
  });

  test("is over when it is as long as the plugin says, also when the plugin goes on", async () => {
    const response = await answering([item(200, { "Content-Length": "4" }, "body")], { hang: true });
    expect([response.headers.get("content-length"), await response.text()]).toEqual(["4", "body"]);
  });

  test("of a wrong length is framed by the daemon: the next answer on the connection is whole", async () => {
    const hooks = [
      await endpoints.setUp(plugin.identifier, script([item(200, { "Content-Length": "2" }, "too long")])),
      await endpoints.setUp(
        plugin.identifier,
        script([item(200, { "Transfer-Encoding": "chunked" }, "next")]),
      ),
    ];
    const [first = "", second = ""] = hooks.map((path) => `GET ${path}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const call = await openRawCall({ port: daemon.port, request: first });
    // An answer whose end comes later than its first piece is sent in chunks.
    await until("the first answer is there", () => /too long(\r\n0\r\n\r\n)?$/.test(call.text()));
    call.write(second);
    await until("the second answer is there", () => /next(\r\n0\r\n\r\n)?$/.test(call.text()));
    const answers = call.text().split(/(?=HTTP\/1\.1 )/);
    expect(answers).toEqual([
      expect.stringMatching(/(Content-Length: 8\r\n.*\r\n|\r\n\r\n8\r\n)too long/s),
      expect.stringMatching(/(Content-Length: 4\r\n.*\r\n|\r\n\r\n4\r\n)next/s),
    ]);
    call.terminate();
  });

  test.each([
    ["status 99", { status: 99 }],
    ["status 1000", { status: 1000 }],
    ["status as a text", { status: "200" }],
    ["a line end in a header", { headers: { "X-A": "a\r\nSet-Cookie: evil=1" } }],
    ["a line end in a name", { headers: { "X-A\r\nSet-Cookie": "evil=1" } }],
    ["a number for a header", { headers: { "X-A": 1 } }],
    ["a body that is no hex", { result: "zz" }],
  ])("with %s is refused as a whole", async (_, broken) => {
    const response = await answering([{ item: { status: 200, result: hex("body"), ...broken } }]);
    const answer = await readAnswer(response);
    expect([answer.status, answer.code, answer.failure?.error_type]).toEqual([
      500,
      -500,
      "PluginDaemonInternalServerError",
    ]);
    expect(JSON.parse(answer.failure?.message ?? "")).toMatchObject({ error_type: "unmarshal_error" });
    expect(response.headers.get("set-cookie")).toBeNull();
  });

  test("that fails before its first piece is the plugin's error", async () => {
    const answer = await readAnswer(await answering([item(200, { "X-A": "1" })], { fail: true }));
    expect([answer.status, answer.code]).toEqual([500, -500]);
    expect(JSON.parse(answer.failure?.message ?? "")).toEqual({
      args: {},
      error_type: "FakeError",
      message: "the fake plugin was asked to fail",
    });
  });

  test("that fails later has the error at the end of its body", async () => {
    const response = await answering([item(200, {}, "one "), piece("two ")], { fail: true });
    expect([response.status, await response.text()]).toEqual([
      200,
      'one two {"args":{},"error_type":"FakeError","message":"the fake plugin was asked to fail"}',
    ]);
  });

  test("that breaks off with the plugin's process says so, also in the middle", async () => {
    const answer = await readAnswer(await answering([{ exit: 3 }]));
    // What the process wrote before its end is for the log, not for strangers.
    expect([answer.status, JSON.parse(answer.failure?.message ?? "")]).toEqual([
      500,
      { args: {}, error_type: "ConnectionClosedError", message: expect.stringContaining("exited with 3") },
    ]);
    const cut = await answering([item(200, {}, "begun "), { wait: 50 }, { exit: 3 }]);
    expect(await cut.text()).toStartWith('begun {"args":{},"error_type":"ConnectionClosedError"');
  });

  test("that takes too long is killed, before and after it began", async () => {
    const before = await readAnswer(await answering([], { hang: true }));
    expect([before.status, before.code, before.failure?.message]).toEqual([500, -500, "killed by timeout"]);
    const after = await answering([item(200, {}, "begun ")], { hang: true });
    const text = await after.text();
    expect(text).toStartWith('begun {"code":-500,"message":"');
    expect(text).toContain("killed by timeout");
  });
});

describe("a hook", () => {
  test("is no route when PLUGIN_ENDPOINT_ENABLED is false, while endpoints can be managed", async () => {
    await using other = await startTestDaemon({ env: { PLUGIN_ENDPOINT_ENABLED: "false" } });
    const response = await callHook(other, "/e/0123456789abcdef/x");
    expect([response.status, await response.text()]).toEqual([
      404,
      '{"code":"not_found","message":"route not found"}',
    ]);
    expect(await endpointsOf(other).list()).toEqual([]);
  });

  test("that is disabled, or whose plugin is gone, is not found; a new version finds it again", async () => {
    const { identifier } = await daemon.api.install({ name: "leaves", endpoints: "plain" });
    const path = await endpoints.setUp(identifier, { mode: "webhook" });
    const [endpoint] = await endpoints.list();
    const answer = async () => {
      const { status, failure } = await readAnswer(await callHook(daemon, `${path}/`));
      return [status, failure?.error_type, failure?.message];
    };
    await endpoints.post("/disable", { endpoint_id: endpoint?.id });
    expect(await answer()).toEqual([404, "PluginDaemonNotFoundError", "endpoint not found"]);
    await endpoints.post("/enable", { endpoint_id: endpoint?.id });
    expect((await answer())[0]).toBe(200);
    const row = (await daemon.api.installations()).find(({ plugin_id }) => plugin_id === "tests/leaves");
    await daemon.api.post("/uninstall", { plugin_installation_id: row?.id });
    expect(await answer()).toEqual([404, "PluginDaemonBadRequestError", "plugin installation not found"]);
    await daemon.api.install({ name: "leaves", version: "0.0.2" });
    expect(await answer()).toEqual([404, "PluginNotFoundError", "plugin not found"]);
    const again = (await daemon.api.installations()).find(({ plugin_id }) => plugin_id === "tests/leaves");
    await daemon.api.post("/uninstall", { plugin_installation_id: again?.id });
    await daemon.api.install({ name: "leaves", version: "0.0.3", endpoints: "plain" });
    expect((await answer())[0]).toBe(200);
  });
});
