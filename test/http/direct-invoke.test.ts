import { expect, test } from "bun:test";
import { createApp } from "../../src/http/app.ts";
import { directInvokeRoutes } from "../../src/http/routes/direct-invoke.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { ACTIONS } from "../../src/protocol/actions/catalogue.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import type { Invocation } from "../../src/protocol/invocation.ts";
import type { InvocationTarget, PluginCall } from "../../src/service/invoke-plugin.ts";

const KEY = "the key";
const KNOWN = `acme/a:1.0.0@${"a".repeat(64)}`;
const UNKNOWN = `acme/b:1.0.0@${"b".repeat(64)}`;
const TOOL = { tenant_id: "t9", user_id: "u", data: { provider: "p", tool: "t" } };
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

function setUp() {
  const calls: { readonly target: InvocationTarget; readonly call: PluginCall }[] = [];
  const unused = () => Promise.reject(new Error("not asked for"));
  const app = createApp({
    serverKey: KEY,
    system: { health: () => ({}), metrics: undefined },
    dispatch: { resolve: unused, invoke: unused },
    openDocs: false,
    log: silent,
    onRoute: () => undefined,
    guarded: [
      directInvokeRoutes({
        resolveDirect: ({ text, pluginId }) =>
          text === KNOWN
            ? Promise.resolve({ pluginId, identifier: text, runtimeType: "local" as const })
            : Promise.reject(new DaemonError("unavailable", "no available node, plugin runtime not found")),
        invoke(target, call) {
          calls.push({ target, call });
          return Promise.resolve(oneItem('{"result":true}'));
        },
        packages: {
          decode: (identifier) =>
            identifier === KNOWN
              ? Promise.reject(
                  new DaemonError("bad_request", "plugin package not found, please upload it firstly"),
                )
              : Promise.reject(new Error("not asked for")),
        },
      }),
    ],
  });
  const send = async (
    path: string,
    init: { readonly identifier?: string; readonly body?: unknown; readonly key?: string },
  ) => {
    const response = await app.handle(
      new Request(`http://localhost/v2/invoke${path}`, {
        method: "body" in init ? "POST" : "GET",
        headers: {
          "x-api-key": init.key ?? KEY,
          "content-type": "application/json",
          ...(init.identifier !== undefined && { "x-plugin-unique-identifier": init.identifier }),
        },
        ...("body" in init && { body: JSON.stringify(init.body) }),
      }),
    );
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const answer = type.startsWith("application/json") ? JSON.parse(text) : {};
    const error = typeof answer.code === "number" && answer.code < 0 ? JSON.parse(answer.message) : undefined;
    return { status: response.status, type, text, code: answer.code, error };
  };
  return { send, calls };
}

function oneItem(item: string): Invocation {
  return {
    sessionId: "s",
    take: () => Promise.resolve({ items: [item], end: { kind: "completed" } }),
    cancel: () => undefined,
    ended: Promise.resolve({ kind: "completed" }),
    delivered: { items: 1, bytes: item.length },
  };
}

test("a direct call goes to the version in the header, for the tenant in the body", async () => {
  const { send, calls } = setUp();
  const answer = await send("/dispatch/tool/invoke", { identifier: KNOWN, body: TOOL });
  expect(answer).toMatchObject({
    status: 200,
    type: "text/event-stream",
    text: 'data: {"code":0,"message":"success","data":{"result":true}}\n\n',
  });
  expect(calls).toMatchObject([
    {
      target: { tenantId: "t9", pluginId: "acme/a", identifier: KNOWN, runtimeType: "local" },
      call: { type: "tool", action: "invoke_tool", data: { user_id: "u", provider: "p", tool: "t" } },
    },
  ]);
});

test("every streaming action has a direct route, and polling has none", async () => {
  const { send } = setUp();
  for (const row of ACTIONS) {
    const answer = await send(`/dispatch${row.path}`, { identifier: UNKNOWN, body: {} });
    expect([row.path, answer.status, answer.code]).toEqual([row.path, 404, row.unary ? "not_found" : -500]);
  }
});

test("a direct call is checked in the order key, header, version, body, tenant", async () => {
  const { send, calls } = setUp();
  const path = "/dispatch/tool/invoke";
  const bad = { tenant_id: "t9", data: {} };
  for (const [init, status, code, message, type] of [
    [{ key: "wrong", body: bad }, 401, -401, "unauthorized", "PluginDaemonUnauthorizedError"],
    [
      { body: bad },
      400,
      -400,
      "X-Plugin-Unique-Identifier header is required",
      "PluginDaemonBadRequestError",
    ],
    [
      { identifier: "", body: bad },
      400,
      -400,
      "X-Plugin-Unique-Identifier header is required",
      "PluginDaemonBadRequestError",
    ],
    [
      { identifier: "x", body: bad },
      400,
      -400,
      "plugin_unique_identifier is not valid: x",
      "PluginUniqueIdentifierError",
    ],
    [
      { identifier: UNKNOWN, body: bad },
      404,
      -500,
      "no available node, plugin runtime not found",
      "PluginDaemonInternalServerError",
    ],
    [{ identifier: KNOWN, body: bad }, 400, -400, "'data.provider'", "PluginDaemonBadRequestError"],
    [
      { identifier: KNOWN, body: { ...TOOL, tenant_id: "" } },
      400,
      -400,
      "'tenant_id'",
      "PluginDaemonBadRequestError",
    ],
    [
      { identifier: KNOWN, body: { data: TOOL.data } },
      400,
      -400,
      "'tenant_id'",
      "PluginDaemonBadRequestError",
    ],
  ] as const) {
    const answer = await send(path, init);
    expect([message, answer.status, answer.code, answer.error?.error_type]).toEqual([
      message,
      status,
      code,
      type,
    ]);
    expect(answer.error.message).toContain(message);
  }
  expect(calls).toEqual([]);
});

test("extract tells a bad header by the status and a missing package in the envelope", async () => {
  const { send } = setUp();
  expect(await send("/extract", {})).toMatchObject({
    status: 400,
    error: { message: "X-Plugin-Unique-Identifier header is required" },
  });
  expect(await send("/extract", { identifier: "nonsense" })).toMatchObject({
    status: 400,
    code: -400,
    error: {
      message: "plugin_unique_identifier is not valid: nonsense",
      error_type: "PluginUniqueIdentifierError",
    },
  });
  expect(await send("/extract", { identifier: KNOWN })).toMatchObject({
    status: 200,
    code: -400,
    error: {
      message: "plugin package not found, please upload it firstly",
      error_type: "PluginDaemonBadRequestError",
    },
  });
  expect(await send("/extract", { key: "wrong" })).toMatchObject({ status: 401, code: -401 });
});
