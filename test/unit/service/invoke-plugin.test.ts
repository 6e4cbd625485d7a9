import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import type { Invocation, InvocationEnd } from "../../../src/protocol/invocation.ts";
import type { InvocationRequest, PluginRuntime } from "../../../src/runtime/runtime.ts";
import type { CallingSession } from "../../../src/service/backwards-calls.ts";
import { createInvokePlugin, type PluginCall } from "../../../src/service/invoke-plugin.ts";
import { type CallEvent, createCallTraces } from "../../../src/service/call-trace.ts";
import { createMetrics, exposeMetrics } from "../../../src/service/metrics.ts";
import type { NewSession } from "../../../src/service/session-recorder.ts";
import type { InstallationRow, SessionOutcome } from "../../../src/store/store.ts";
import { rejection } from "../../support/rejection.ts";

const never = new AbortController().signal;
const identifierOf = (version: string) => `a/b:${version}@${"0".repeat(64)}`;
const [ONE, TWO] = [identifierOf("0.0.1"), identifierOf("0.0.2")];

function call(action = "invoke_tool"): PluginCall {
  return {
    type: "tool",
    action,
    session: { conversationId: "c", messageId: null, appId: null, endpointId: null, context: null },
    data: { user_id: "u" },
    decodeItem: (_value, raw) => raw,
  };
}

/** A call that the test ends. */
function createCall(items = 0) {
  const ended = Promise.withResolvers<InvocationEnd>();
  const invocation: Invocation = {
    sessionId: "s",
    take: async () => ({ items: [], end: await ended.promise }),
    cancel: () => ended.resolve({ kind: "cancelled" }),
    ended: ended.promise,
    delivered: { items, bytes: items * 10 },
  };
  return { invocation, end: ended.resolve };
}

type Invoke = (request: InvocationRequest, signal: AbortSignal) => Promise<Invocation>;

function runtimeOf(identifier: string, invoke: Invoke): PluginRuntime {
  return {
    kind: "local",
    identifier,
    permission: undefined,
    invoke,
    status: { state: "ready", restarts: 0, sessions: 0 },
  };
}

function installation(identifier: string): InstallationRow {
  const fields: Partial<InstallationRow> = {
    tenantId: "t",
    pluginId: "a/b",
    identifier,
    runtimeType: "local",
  };
  return fields as InstallationRow;
}

/** What an event says at its moment; the trace goes on changing. */
function glance({ kind, call: { identifier, outcome, errorType } }: CallEvent) {
  return [kind, identifier, outcome, errorType].filter((one) => one !== undefined);
}

function setUp(invoke: Invoke = async () => createCall().invocation) {
  const state = {
    installed: ONE as string | undefined,
    runtimes: new Map([[ONE, runtimeOf(ONE, invoke)]]),
  };
  const sessions: NewSession[] = [];
  const callers: CallingSession[] = [];
  const outcomes: SessionOutcome[] = [];
  const lines: (readonly [string, string, Readonly<Record<string, unknown>>])[] = [];
  const note =
    (level: string) =>
    (message: string, attributes = {}) =>
      void lines.push([level, message, attributes]);
  const log: Logger = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    with: () => log,
  };
  const metrics = createMetrics();
  const traces = createCallTraces({ log });
  const events: unknown[] = [];
  traces.observe((event) => void events.push(glance(event)));
  const service = createInvokePlugin({
    traces,
    findInstallation: async (tenantId, pluginId) =>
      tenantId === "t" && pluginId === "a/b" && state.installed !== undefined
        ? installation(state.installed)
        : undefined,
    runtimeTypeOf: async (identifier) => (identifier === state.installed ? "local" : undefined),
    runtimeOf: async (identifier) => state.runtimes.get(identifier),
    backwards: {
      session(of) {
        callers.push(of);
        return { answer: async () => undefined };
      },
    },
    recorder: {
      active: 0,
      begin(session) {
        sessions.push(session);
        return { end: (outcome) => void outcomes.push(outcome) };
      },
      flush: async () => undefined,
      close: async () => undefined,
    },
    metrics,
    log,
    timeoutMs: 1234,
  });
  async function figures(name: string): Promise<string[]> {
    return (await exposeMetrics(metrics)).split("\n").filter((line) => line.startsWith(`${name}{`));
  }
  return { ...service, state, sessions, callers, events, outcomes, lines, figures };
}

const ACTIVE = 'plugin_invocations_active{plugin_id="a/b",plugin_type="tool",runtime_type="local"}';
const counted = (status: string, action = "invoke_tool") =>
  `plugin_invocations_total{plugin_id="a/b",plugin_type="tool",runtime_type="local",operation="${action}",status="${status}"} 1`;

describe("createInvokePlugin() resolve()", () => {
  test("finds the installation of a tenant, and nothing for others", async () => {
    const { resolve } = setUp();
    expect(await resolve("t", "a/b")).toEqual({
      tenantId: "t",
      pluginId: "a/b",
      identifier: ONE,
      runtimeType: "local",
    });
    for (const [tenant, plugin] of [
      ["other", "a/b"],
      ["t", "constructor"],
      ["__proto__", "a/b"],
    ] as const)
      expect(await rejection(resolve(tenant, plugin))).toMatchObject({
        code: "plugin_not_found",
        message: "plugin not found",
      });
  });

  test("refuses a stored identifier that is none", async () => {
    const { resolve, state } = setUp();
    state.installed = "a/b:damaged";
    expect(await rejection(resolve("t", "a/b"))).toMatchObject({ code: "invalid_identifier" });
  });

  test("resolveDirect() wants that somebody has installed the version", async () => {
    const { resolveDirect } = setUp();
    expect(await resolveDirect(requireIdentifier(ONE))).toMatchObject({ identifier: ONE, direct: true });
    expect(await rejection(resolveDirect(requireIdentifier(TWO)))).toMatchObject({ code: "unavailable" });
  });
});

describe("createInvokePlugin() invoke()", () => {
  test("hands the call over with its limit, and records whose it is", async () => {
    const requests: InvocationRequest[] = [];
    const { invocation } = createCall();
    const { resolve, invoke, sessions, callers, figures } = setUp(async (request) => {
      requests.push(request);
      return invocation;
    });
    const traced = { ...call(), headers: { traceparent: "trace" }, requestBytes: 7 };
    expect(await invoke(await resolve("t", "a/b"), traced, never)).toBe(invocation);
    const { type: _, action: __, ...passed } = call();
    expect(requests).toMatchObject([{ session: passed.session, data: passed.data, timeoutMs: 1234 }]);
    expect(callers).toEqual([
      {
        sessionId: requests[0]?.sessionId ?? "",
        pluginId: "a/b",
        tenantId: "t",
        userId: "u",
        type: "tool",
        tracer: expect.objectContaining({
          call: expect.objectContaining({ headers: { traceparent: "trace" }, requestBytes: 7 }),
        }),
      },
    ]);
    expect(sessions).toEqual([
      {
        id: requests[0]?.sessionId ?? "",
        tenantId: "t",
        pluginId: "a/b",
        identifier: ONE,
        runtimeType: "local",
        type: "tool",
        action: "invoke_tool",
      },
    ]);
    expect(await figures("plugin_invocations_active")).toEqual([`${ACTIVE} 1`]);
  });

  const error = { error_type: "E", message: "sk-secret is no valid key", args: {} };
  test.each<[InvocationEnd, string, number, SessionOutcome, string]>([
    [{ kind: "completed" }, "invoke_tool", 0, "success", "success"],
    [{ kind: "plugin_error", error }, "invoke_tool", 1, "plugin_error", "error"],
    [{ kind: "connection_closed", error }, "invoke_tool", 1, "connection_closed", "error"],
    [{ kind: "overflow", error }, "invoke_tool", 1, "daemon_error", "error"],
    [{ kind: "timeout" }, "invoke_tool", 1, "timeout", "timeout"],
    [{ kind: "cancelled" }, "invoke_tool", 5, "client_disconnect", "client_disconnect"],
    [{ kind: "cancelled" }, "get_llm_num_tokens", 1, "success", "success"],
    [{ kind: "cancelled" }, "get_llm_num_tokens", 0, "client_disconnect", "client_disconnect"],
  ])("%j of %s after %d items is %s", async (end, action, items, outcome, status) => {
    const made = createCall(items);
    const { resolve, invoke, outcomes, events, figures } = setUp(async () => made.invocation);
    await invoke(await resolve("t", "a/b"), call(action), never);
    made.end(end);
    await made.invocation.ended;
    expect(outcomes).toEqual([outcome]);
    expect(events).toEqual([
      ["call_began", ONE],
      ["call_sent", ONE],
      ["call_ended", ONE, outcome, ...("error" in end ? ["E"] : [])],
    ]);
    expect(await figures("plugin_invocations_total")).toEqual([counted(status, action)]);
    expect(await figures("plugin_invocations_active")).toEqual([`${ACTIVE} 0`]);
    expect(await figures("plugin_invocation_duration_seconds_count")).toHaveLength(1);
  });

  test.each<[InvocationEnd, readonly string[]]>([
    [{ kind: "completed" }, []],
    [{ kind: "cancelled" }, []],
    [{ kind: "plugin_error", error }, ["info", "Plugin reported an error"]],
    [{ kind: "timeout" }, ["warn", "Plugin call took too long and was ended"]],
    [
      { kind: "connection_closed", error: { ...error, message: "it exited with 1" } },
      ["warn", "Plugin call was cut"],
    ],
  ])("the log tells of %j what an operator needs, and no word of the plugin", async (end, expected) => {
    const made = createCall(3);
    const { resolve, invoke, lines } = setUp(async () => made.invocation);
    await invoke(await resolve("t", "a/b"), call(), never);
    made.end(end);
    await made.invocation.ended;
    expect(lines.map(([level, message]) => [level, message]).flat()).toEqual([...expected]);
    expect(JSON.stringify(lines)).not.toContain("sk-secret");
    for (const [, , attributes] of lines)
      expect(attributes).toMatchObject({
        plugin: "a/b:0.0.1",
        action: "invoke_tool",
        session: expect.stringMatching(/^[0-9a-f-]{36}$/),
        took_ms: expect.any(Number),
        items: 3,
      });
  });

  test("a call that cannot be opened is counted, not recorded", async () => {
    const { resolve, invoke, sessions, events, figures } = setUp(() =>
      Promise.reject(new DaemonError("unavailable", "Cannot start")),
    );
    expect(await rejection(invoke(await resolve("t", "a/b"), call(), never))).toMatchObject({
      message: "Cannot start",
    });
    expect(sessions).toEqual([]);
    expect(events).toEqual([
      ["call_began", ONE],
      ["call_ended", ONE, "not_opened", "unavailable"],
    ]);
    expect(await figures("plugin_invocations_total")).toEqual([counted("error")]);
    expect(await figures("plugin_invocations_active")).toEqual([`${ACTIVE} 0`]);
  });

  test("a client that leaves before it is opened is a disconnect", async () => {
    const leave = new AbortController();
    const { resolve, invoke, figures } = setUp((_request, signal) => {
      leave.abort(new Error("gone"));
      return Promise.reject(signal.reason);
    });
    const target = await resolve("t", "a/b");
    expect(await rejection(invoke(target, call(), leave.signal))).toMatchObject({ message: "gone" });
    expect(await figures("plugin_invocations_total")).toEqual([counted("client_disconnect")]);
  });

  test("a call goes to the version that is installed when it is opened", async () => {
    const used: string[] = [];
    const serve = (identifier: string) =>
      runtimeOf(identifier, async () => {
        used.push(identifier);
        return createCall().invocation;
      });
    const { resolve, invoke, state, sessions, events } = setUp();
    const target = await resolve("t", "a/b");
    state.installed = TWO;
    state.runtimes = new Map([
      [ONE, serve(ONE)],
      [TWO, serve(TWO)],
    ]);
    await invoke(target, call(), never);
    expect(used).toEqual([TWO]);
    expect(sessions[0]?.identifier).toBe(TWO);
    expect(events).toEqual([
      ["call_began", ONE],
      ["call_sent", TWO],
    ]);

    state.installed = undefined;
    expect(await rejection(invoke(target, call(), never))).toMatchObject({ code: "plugin_not_found" });
  });

  test("says in the words of clients that nothing runs the plugin", async () => {
    const { resolve, invoke, state } = setUp();
    const target = await resolve("t", "a/b");
    state.runtimes.clear();
    expect(await rejection(invoke(target, call(), never))).toMatchObject({
      code: "unavailable",
      message: "no available node, plugin runtime not found",
    });
  });
});
