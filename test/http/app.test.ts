import { describe, expect, test } from "bun:test";
import { Elysia } from "elysia";
import { createApp } from "../../src/http/app.ts";
import { BindingError } from "../../src/http/binding-error.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import type { Invocation, InvocationEnd } from "../../src/protocol/invocation.ts";
import type { InvocationTarget, PluginCall } from "../../src/service/invoke-plugin.ts";

const KEY = "the key";
const TARGET: InvocationTarget = {
  tenantId: "t",
  pluginId: "a/b",
  identifier: "a/b:1@0",
  runtimeType: "local",
};

/** A call that answers these items and this end. */
function invocationOf(items: readonly string[], end: InvocationEnd = { kind: "completed" }): Invocation {
  return {
    sessionId: "s",
    take: async () => ({ items, end }),
    cancel: () => undefined,
    ended: Promise.resolve(end),
    delivered: { items: items.length, bytes: 0 },
  };
}

interface Fakes {
  readonly resolve?: () => Promise<InvocationTarget>;
  readonly invoke?: (call: PluginCall) => Promise<Invocation>;
  readonly guarded?: () => unknown;
}

function setUp(fakes: Fakes = {}) {
  const routes: string[] = [];
  const resolved: (readonly [string, string])[] = [];
  const calls: PluginCall[] = [];
  const lines: (readonly [string, string])[] = [];
  const note = (level: string) => (message: string) => void lines.push([level, message]);
  const log: Logger = {
    debug: () => undefined,
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    with: () => log,
  };
  const app = createApp({
    serverKey: KEY,
    openDocs: false,
    log,
    onRoute: (_request, route) => routes.push(route),
    system: { health: () => ({ status: "ok" }), metrics: async () => "# figures\n" },
    dispatch: {
      async resolve(tenantId, pluginId) {
        resolved.push([tenantId, pluginId]);
        return fakes.resolve ? fakes.resolve() : TARGET;
      },
      async invoke(_target, call) {
        calls.push(call);
        return fakes.invoke ? fakes.invoke(call) : invocationOf([]);
      },
    },
    guarded: [
      new Elysia({ prefix: "/plugin/:tenant_id/management" }).get("/thing", async ({ params }) => {
        await fakes.guarded?.();
        return params.tenant_id;
      }),
    ],
  });
  async function ask(method: string, path: string, init: RequestInit & { readonly host?: string } = {}) {
    const headers = new Headers({ "x-api-key": KEY });
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    const { host = "localhost", ...rest } = init;
    const response = await app.fetch(new Request(`http://${host}${path}`, { ...rest, method, headers }));
    return { status: response.status, text: await response.text(), headers: response.headers };
  }
  const call = (body: string, headers: Readonly<Record<string, string>> = {}) =>
    ask("POST", "/plugin/t/dispatch/tool/invoke", {
      body,
      headers: { "content-type": "application/json", "x-plugin-id": "a/b", ...headers },
    });
  return { ask, call, routes, resolved, calls, lines };
}

function thrower(error: unknown) {
  return () => {
    throw error;
  };
}

const BODY = '{"user_id":"u","data":{"provider":"p","tool":"t"}}';
const failure = (code: number, type: string, message: string) =>
  JSON.stringify({ code, message: JSON.stringify({ message, error_type: type, args: null }), data: null });
const NOT_FOUND = '{"code":"not_found","message":"route not found"}';
const UNAUTHORIZED =
  '{"code":-401,"message":"{\\"message\\":\\"unauthorized\\",\\"error_type\\":\\"PluginDaemonUnauthorizedError\\",\\"args\\":null}","data":null}';

describe("createApp() keys", () => {
  test.each([[""], ["wrong"], ["THE KEY"], ["the key, the key"], ["the key "], [`${KEY}x`]])(
    "refuses %j, before anything else",
    async (key) => {
      const { ask, resolved } = setUp();
      const headers = { "x-api-key": key };
      // A header is trimmed on its way, so that a key with spaces around it is the key.
      const expected = key.trim() === KEY ? 400 : 401;
      const { status, text } = await ask("POST", "/plugin/t/dispatch/tool/invoke", { headers });
      expect(status).toBe(expected);
      if (expected === 401) expect(text).toBe(UNAUTHORIZED);
      expect(resolved).toEqual([]);
    },
  );

  test("needs none for health and metrics", async () => {
    const { ask } = setUp();
    const headers = { "x-api-key": "" };
    expect(await ask("GET", "/health/check", { headers })).toMatchObject({
      status: 200,
      text: '{"status":"ok"}',
    });
    expect(await ask("GET", "/metrics/", { headers })).toMatchObject({ status: 200, text: "# figures\n" });
  });
});

describe("createApp() unknown routes", () => {
  test.each([
    ["GET", "/"],
    ["GET", "/nope"],
    ["GET", "/plugin/t/nope"],
    ["POST", "/health/check"],
    ["OPTIONS", "/health/check"],
    ["HEAD", "/health/check"],
    ["GET", "/plugin/t/dispatch/tool/invoke"],
    ["DELETE", "/plugin/t/management/thing"],
    ["HEAD", "/plugin/t/management/thing"],
    ["GET", "//health/check"],
    ["GET", "/health//check"],
    ["GET", "/HEALTH/CHECK"],
    ["GET", "/plugin//management/thing"],
  ])("%s %s is 404 also without a key, and belongs to no route", async (method, path) => {
    const { ask, routes } = setUp();
    const { status, text, headers } = await ask(method, path, { headers: { "x-api-key": "" } });
    expect(status).toBe(404);
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(text).toBe(method === "HEAD" ? "" : NOT_FOUND);
    expect(routes).toEqual([]);
  });

  test.each([
    ["GET", "/metrics", 301, "/metrics/"],
    ["GET", "/metrics?a=b%20c", 301, "/metrics/?a=b%20c"],
    ["GET", "/health/check/", 301, "/health/check"],
    ["POST", "/plugin/a%2Fb/dispatch/tool/invoke/?x", 307, "/plugin/a%2Fb/dispatch/tool/invoke?x"],
  ])("%s %s is sent to where it should be, without a key", async (method, path, status, location) => {
    const { ask } = setUp();
    const plain = await ask(method, path, { headers: { "x-api-key": "" } });
    expect([plain.status, plain.headers.get("location")]).toEqual([status, location]);
    const behindProxy = await ask(method, path, { headers: { "x-forwarded-prefix": "/plugins" } });
    expect(behindProxy.headers.get("location")).toBe(`/plugins${location}`);
  });
});

describe("createApp() hosts and paths", () => {
  test.each(["a", "ab", "abc", "abc:80", "x:1", "[::1]:5002", "plugd.example:5002"])(
    "finds its routes at %s",
    async (host) => {
      const { ask } = setUp();
      expect((await ask("GET", "/health/check", { host })).status).toBe(200);
      expect((await ask("GET", "/plugin/t/management/thing", { host })).text).toBe("t");
      expect((await ask("GET", "/nope", { host })).text).toBe(NOT_FOUND);
      expect((await ask("GET", "/metrics", { host })).headers.get("location")).toBe("/metrics/");
    },
  );

  test.each([
    ["a%20b", "a b"],
    ["a%2Fb", "a/b"],
    ["%E4%BD%A0", "你"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
  ])("takes the tenant %s as %s", async (segment, tenant) => {
    const { ask } = setUp();
    expect(await ask("GET", `/plugin/${segment}/management/thing`)).toMatchObject({
      status: 200,
      text: tenant,
    });
  });
});

test.each(["a%zz", "%FF", "%"])("createApp() refuses the tenant %s, which is no text", async (segment) => {
  const { ask, resolved } = setUp();
  const text = failure(
    -400,
    "PluginDaemonBadRequestError",
    "Cannot read the path: it has an invalid URL escape",
  );
  expect(await ask("GET", `/plugin/${segment}/management/thing`)).toMatchObject({ status: 400, text });
  expect(await ask("POST", `/plugin/${segment}/dispatch/tool/invoke`)).toMatchObject({ status: 400, text });
  const headers = { "x-api-key": "" };
  expect((await ask("GET", `/plugin/${segment}/management/thing`, { headers })).status).toBe(401);
  expect(resolved).toEqual([]);
});

describe("createApp() dispatch", () => {
  test("wants the plugin's id before it looks at anything", async () => {
    const { call, resolved } = setUp();
    expect(await call("{", { "x-plugin-id": "" })).toMatchObject({
      status: 400,
      text: failure(-400, "PluginDaemonBadRequestError", "plugin_id is required"),
    });
    expect(resolved).toEqual([]);
  });

  test("looks for the plugin before it reads the body", async () => {
    const { call, resolved } = setUp({
      resolve: () => Promise.reject(new DaemonError("plugin_not_found", "plugin not found")),
    });
    expect(await call("{")).toMatchObject({
      status: 404,
      text: failure(-404, "PluginNotFoundError", "plugin not found"),
    });
    expect(resolved).toEqual([["t", "a/b"]]);
  });

  test("two ids are one that nobody has", async () => {
    const { ask, resolved } = setUp();
    const headers = new Headers({ "content-type": "application/json" });
    headers.append("x-plugin-id", "a/b");
    headers.append("x-plugin-id", "c/d");
    await ask("POST", "/plugin/t/dispatch/tool/invoke", { body: BODY, headers });
    expect(resolved).toEqual([["t", "a/b, c/d"]]);
  });

  test("refuses a body that is none, naming the place or the field", async () => {
    const { call, calls } = setUp();
    expect(await call("{")).toMatchObject({ status: 400, text: expect.stringContaining("line 1, column 2") });
    expect(await call("")).toMatchObject({ status: 400, text: expect.stringContaining("'required' tag") });
    expect((await call(BODY, { "content-type": "text/plain" })).status).toBe(400);
    expect(calls).toEqual([]);
  });

  test.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])(
    "reads a body of type %s",
    async (type) => {
      const { call, calls } = setUp();
      expect((await call(BODY, { "content-type": type })).status).toBe(200);
      expect(calls[0]?.data).toMatchObject({
        user_id: "u",
        type: "tool",
        action: "invoke_tool",
        provider: "p",
      });
    },
  );

  test("passes on keys that mean something to objects as what they are", async () => {
    const { call, calls } = setUp();
    const parameters = '{"__proto__":{"x":1},"constructor":{"prototype":{"y":2}}}';
    await call(
      `{"data":{"provider":"p","tool":"t","tool_parameters":${parameters},"__proto__":{"user_id":"evil"}}}`,
    );
    expect(JSON.stringify(calls[0]?.data["tool_parameters"])).toBe(parameters);
    expect(calls[0]?.data["user_id"]).toBe("");
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  test("answers with events, and with an empty body where there are none", async () => {
    const { call } = setUp({ invoke: async () => invocationOf(['{"a":1}', "2"]) });
    const { status, text, headers } = await call(BODY);
    expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(text).toBe(
      'data: {"code":0,"message":"success","data":{"a":1}}\n\ndata: {"code":0,"message":"success","data":2}\n\n',
    );
    expect(await setUp().call(BODY)).toMatchObject({ status: 200, text: "" });
  });

  test.each([
    [new DaemonError("unavailable", "no available node"), 404, -500, "PluginDaemonInternalServerError"],
    [new DaemonError("invalid_identifier", "bad"), 400, -400, "PluginUniqueIdentifierError"],
    [new DaemonError("internal", "bad"), 500, -500, "PluginDaemonInternalServerError"],
    [new DaemonError("timeout", "killed by timeout"), 500, -500, "PluginDaemonInternalServerError"],
    [new BindingError("bad"), 400, -400, "PluginDaemonBadRequestError"],
    [new TypeError("bad"), 500, -500, "PluginDaemonInternalServerError"],
  ])("tells %s in the status", async (error, status, code, type) => {
    const { call } = setUp({ invoke: thrower(error) });
    expect(await call(BODY)).toMatchObject({ status, text: failure(code, type, error.message) });
  });
});

describe("createApp() polling", () => {
  const poll = (end: InvocationEnd, items: readonly string[]) =>
    setUp({ invoke: async () => invocationOf(items, end) }).ask(
      "POST",
      "/plugin/t/dispatch/model/polling/check",
      {
        headers: { "content-type": "application/json", "x-plugin-id": "a/b" },
        body: '{"data":{"provider":"p","model":"m","model_type":"llm","plugin_state":{"a":1}}}',
      },
    );

  test("answers once, with the last item", async () => {
    expect(await poll({ kind: "completed" }, ["1", "2"])).toMatchObject({
      status: 200,
      text: '{"code":0,"message":"success","data":2}',
    });
  });

  test("a failure of the plugin is JSON text within JSON text, also when it said nothing", async () => {
    const error = { error_type: "E", message: "m", args: {} };
    expect(await poll({ kind: "plugin_error", error }, ["1"])).toMatchObject({
      status: 500,
      text: failure(-500, "PluginInvokeError", '{"args":{},"error_type":"E","message":"m"}'),
    });
    expect((await poll({ kind: "completed" }, [])).text).toContain("no polling result received from plugin");
    expect((await poll({ kind: "timeout" }, [])).text).toBe(
      failure(-500, "PluginDaemonInternalServerError", "killed by timeout"),
    );
  });
});

describe("createApp() management", () => {
  test.each([
    [new DaemonError("not_found", "x"), 200, -404, "PluginDaemonNotFoundError"],
    [new DaemonError("bad_request", "x"), 200, -400, "PluginDaemonBadRequestError"],
    [new DaemonError("internal", "x"), 200, -500, "PluginDaemonInternalServerError"],
    [new DaemonError("permission_denied", "x"), 200, -403, "PluginPermissionDeniedError"],
    [new BindingError("x"), 400, -400, "PluginDaemonBadRequestError"],
    [new TypeError("x"), 500, -500, "PluginDaemonInternalServerError"],
  ])("tells %s in the envelope", async (error, status, code, type) => {
    const { ask } = setUp({ guarded: thrower(error) });
    const answer = await ask("GET", "/plugin/t/management/thing");
    expect(answer).toMatchObject({ status, text: failure(code, type, "x") });
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });
});

describe("createApp() log", () => {
  test.each<[string, unknown, readonly (readonly [string, string])[]]>([
    ["what nobody foresaw is an error", new TypeError("bug"), [["error", "Request failed"]]],
    [
      "what the disk refuses is a warning, whatever the status",
      new DaemonError("internal", "Cannot write", { cause: new Error("ENOSPC") }),
      [["warn", "Request failed"]],
    ],
    [
      "a plugin that cannot be had is a warning",
      new DaemonError("unavailable", "Cannot start"),
      [["warn", "Request failed"]],
    ],
    ["a look-up without result is nothing", new DaemonError("internal", "record not found"), []],
    ["a mistake of the caller is nothing", new BindingError("bad"), []],
    [
      "a failure of a plugin is nothing here: it belongs to the call",
      new DaemonError("plugin_failed", "m", { plugin: { error_type: "E", message: "m" } }),
      [],
    ],
  ])("%s", async (_, error, expected) => {
    const { ask, lines } = setUp({ guarded: thrower(error) });
    await ask("GET", "/plugin/t/management/thing");
    expect(lines).toEqual([...expected]);
  });

  test("a client that has left is no failure", async () => {
    const leave = new AbortController();
    const { ask, lines } = setUp({
      guarded() {
        leave.abort();
        throw leave.signal.reason;
      },
    });
    const { status, text } = await ask("GET", "/plugin/t/management/thing", { signal: leave.signal });
    expect([status, text]).toEqual([499, ""]);
    expect(lines).toEqual([]);
  });

  test("tells the route of a request, also when its key is wrong", async () => {
    const { ask, routes } = setUp();
    await ask("GET", "/plugin/t/management/thing", { headers: { "x-api-key": "" } });
    await ask("GET", "/health/check");
    expect(routes).toEqual(["/plugin/:tenant_id/management/thing", "/health/check"]);
  });
});
