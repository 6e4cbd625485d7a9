import { describe, expect, test } from "bun:test";
import { InnerApiError } from "../../../src/dify/inner-api-error.ts";
import type { CallOptions, InnerApi } from "../../../src/dify/inner-api.ts";
import type { Reply } from "../../../src/dify/reply.ts";
import type { TraceHeaders } from "../../../src/lib/traceparent.ts";
import type { Logger } from "../../../src/lib/logger.ts";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import type { PluginPermission } from "../../../src/protocol/declaration.ts";
import type { PluginError } from "../../../src/protocol/plugin-error.ts";
import { type CallingSession, createBackwardsCalls } from "../../../src/service/backwards-calls.ts";
import { createCallTraces } from "../../../src/service/call-trace.ts";
import { createMetrics, exposeMetrics } from "../../../src/service/metrics.ts";
import type { BackwardsCall } from "../../../src/session/backwards.ts";

const ALL: PluginPermission = {
  tool: { enabled: true },
  model: { enabled: true, llm: true, moderation: true },
  app: { enabled: true },
  storage: { enabled: true, size: 4096 },
};
const SESSION: Omit<CallingSession, "tracer"> = {
  sessionId: "s",
  pluginId: "a/b",
  tenantId: "T",
  userId: "U",
  type: "tool",
};
const TRACEPARENT = `00-${"1".repeat(32)}-${"2".repeat(16)}-00`;
const MODERATION = { provider: "p", model: "m", text: "x" };
const reply = (value: unknown): Reply => ({ value, raw: JSON.stringify(value) });

interface Setting {
  readonly answer?: () => readonly Reply[];
  /** Thrown behind what `answer` gives. */
  readonly failure?: Error | (() => Error | undefined);
  readonly storage?: (request: unknown) => Promise<Readonly<Record<string, unknown>>>;
  readonly session?: Partial<CallingSession>;
  readonly headers?: TraceHeaders;
}

function setUp(setting: Setting = {}) {
  const asked: { path: string; body: unknown; options: CallOptions }[] = [];
  const sent: string[] = [];
  const stored: unknown[] = [];
  const lines: (readonly [string, string])[] = [];
  const note = (level: string) => (message: string) => void lines.push([level, message]);
  const log: Logger = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    with: () => log,
  };
  const metrics = createMetrics();

  function failure(): Error | undefined {
    return typeof setting.failure === "function" ? setting.failure() : setting.failure;
  }

  const api: InnerApi = {
    async call(path, body, options) {
      sent.push(String(body));
      asked.push({ path, body: JSON.parse(String(body)), options });
      const error = failure();
      if (error) throw error;
      return setting.answer?.()[0] ?? reply({ result: true });
    },
    async *stream(path, body, options) {
      sent.push(String(body));
      asked.push({ path, body: JSON.parse(String(body)), options });
      yield* setting.answer?.() ?? [];
      const error = failure();
      if (error) throw error;
    },
  };
  const { headers = { traceparent: TRACEPARENT } } = setting;
  const tracer = createCallTraces({ log }).begin({
    ...SESSION,
    identifier: "a/b:1@0",
    runtimeType: "local",
    action: "invoke_tool",
    requestBytes: 0,
    headers,
  });
  const calls = createBackwardsCalls({
    api,
    storage: {
      async handle(caller, request) {
        stored.push(caller, request);
        return (await setting.storage?.(request)) ?? { data: "ok" };
      },
    },
    metrics,
    log,
  }).session({ ...SESSION, tracer, ...setting.session });

  /** What the plugin gets, as objects; `ended` is a session that is gone. */
  async function ask(
    data: unknown,
    { permission = ALL, ended = false, raw = JSON.stringify(data) ?? "null" }: Ask = {},
  ): Promise<{ readonly events: readonly unknown[]; readonly failed: PluginError | undefined }> {
    const events: unknown[] = [];
    const abort = new AbortController();
    let failed: PluginError | undefined;
    if (ended) abort.abort(new Error("ended"));
    const call: BackwardsCall = {
      request: data,
      raw,
      signal: abort.signal,
      turn: async () => undefined,
      hold: { grow: async () => undefined, shrink: () => undefined },
      async reply(text) {
        abort.signal.throwIfAborted();
        events.push(JSON.parse(text));
      },
      fail(error) {
        failed = error;
      },
    };
    await calls.answer(call, permission);
    return { events, failed };
  }

  async function figures(): Promise<string[]> {
    return (await exposeMetrics(metrics))
      .split("\n")
      .filter((line) => line.startsWith("plugin_backwards_calls_total{"));
  }
  return { ask, asked, sent, stored, lines, counts: tracer.call.callsBack, figures };
}

interface Ask {
  readonly permission?: PluginPermission;
  readonly ended?: boolean;
  readonly raw?: string;
}

const invoke = (type: string, request: unknown = {}) => ({ type, backwards_request_id: "r", request });
const response = (message: string, data: unknown) => ({
  backwards_request_id: "r",
  event: "response",
  message,
  data,
});
const error = (message: string) => ({ backwards_request_id: "r", event: "error", message, data: null });
const END = { backwards_request_id: "r", event: "end", message: "", data: null };

describe("createBackwardsCalls()", () => {
  test("asks the platform for the session's tenant and user, with its trace", async () => {
    const { ask, asked, counts, figures } = setUp();
    const { events } = await ask(invoke("moderation", { ...MODERATION, tenant_id: "evil" }));
    expect(events).toEqual([response("struct", { result: true }), END]);
    expect(asked).toMatchObject([
      {
        path: "invoke/moderation",
        body: { ...MODERATION, tenant_id: "T", user_id: "U", type: "moderation" },
        options: { traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` },
      },
    ]);
    expect(counts).toMatchObject({ total: 1, failed: 0 });
    expect(await figures()).toEqual([
      'plugin_backwards_calls_total{plugin_id="a/b",type="moderation",outcome="success"} 1',
    ]);
  });

  test("a session without a trace has one for all of its calls", async () => {
    const { ask, asked } = setUp({ headers: {} });
    await ask(invoke("moderation", MODERATION));
    await ask(invoke("moderation", MODERATION));
    const [first, second] = asked.map(({ options }) => options.traceparent);
    expect(first).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(second).toBe(first ?? "");
  });

  test("streams what comes, then ends", async () => {
    const { ask } = setUp({ answer: () => [reply({ event: "a" }), reply({ event: "b" })] });
    const { events } = await ask(invoke("app", { app_id: "x" }));
    expect(events).toEqual([response("stream", { event: "a" }), response("stream", { event: "b" }), END]);
  });

  test("digits go out as the plugin wrote them", async () => {
    const { ask, sent } = setUp();
    const inputs = '{"n":12345678901234567890,"f":1.0}';
    const raw = `{"type":"app","backwards_request_id":"r","request":{"app_id":"x","inputs":${inputs}}}`;
    await ask(JSON.parse(raw), { raw });
    expect(sent[0]).toContain(`"inputs":${inputs}`);
  });

  test("a failure of a stream comes behind what came before it", async () => {
    const failure = new InnerApiError("reading", "request failed: no luck", { kind: "answered" });
    const { ask, counts } = setUp({ answer: () => [reply({ event: "a" })], failure });
    expect((await ask(invoke("app", { app_id: "x" }))).events).toEqual([
      response("stream", { event: "a" }),
      error("read app failed: request failed: no luck"),
      END,
    ]);
    expect(counts).toMatchObject({ total: 1, failed: 1 });
  });

  test.each([
    ["app", { app_id: "x" }, "opening", "invoke app failed: EOF"],
    ["moderation", MODERATION, "opening", "invoke moderation model failed: EOF"],
    ["tool", { tool_type: "api", provider: "p", tool: "t" }, "reading", "read tool response failed: EOF"],
  ] as const)("%s: what fails while %s is told with its prefix", async (type, request, phase, text) => {
    const { ask } = setUp({ failure: new InnerApiError(phase, "EOF", { kind: "broken" }) });
    expect((await ask(invoke(type, request))).events).toEqual([error(text), END]);
  });

  test("an answer that breaks its contract is an error, not dropped", async () => {
    const bad = setUp({ answer: () => [reply({ type: "text" }), reply({ surprise: true })] });
    const { events } = await bad.ask(invoke("tool", { tool_type: "api", provider: "p", tool: "t" }));
    expect(events).toHaveLength(3);
    expect(events[1]).toMatchObject({
      event: "error",
      message: expect.stringContaining("read tool response failed: validate request failed: Key: 'type'"),
    });
    expect(events[2]).toEqual(END);
  });

  test("storage is the daemon's own, for the plugin in its tenant, with the limit of its manifest", async () => {
    const { ask, asked, stored } = setUp();
    const { events } = await ask(invoke("storage", { opt: "set", key: "k", value: "00", tenant_id: "evil" }));
    expect(events).toEqual([response("struct", { data: "ok" }), END]);
    expect(stored).toEqual([
      { tenantId: "T", pluginId: "a/b", limitBytes: 4096 },
      { opt: "set", key: "k", value: "00" },
    ]);
    expect(asked).toEqual([]);
  });

  test("a failure of the storage is told in its own words", async () => {
    const { ask } = setUp({
      storage: () => Promise.reject(new DaemonError("bad_request", "save data failed: x")),
    });
    expect((await ask(invoke("storage", { opt: "set", key: "k" }))).events).toEqual([
      error("save data failed: x"),
      END,
    ]);
  });
});

describe("createBackwardsCalls() refuses", () => {
  test.each([
    ["nonsense", "unsupported invoke type: nonsense"],
    ["encrypt", "unsupported invoke type: encrypt"],
    ["tts", "permission denied, you need to enable tts access in plugin manifest"],
  ])("%s before anybody is asked", async (type, why) => {
    const { ask, asked, counts, figures } = setUp();
    expect((await ask(invoke(type))).events).toEqual([error(why), END]);
    expect(asked).toEqual([]);
    expect(counts).toMatchObject({ total: 1, failed: 1 });
    expect((await figures())[0]).toContain(
      `type="${type === "tts" ? "tts" : "unknown"}",outcome="refused"} 1`,
    );
  });

  test("a model, whatever its manifest says", async () => {
    const { ask, asked } = setUp({ session: { type: "model" } });
    expect((await ask(invoke("llm"))).events).toEqual([error("you can not invoke dify from model"), END]);
    expect(asked).toEqual([]);
  });

  test("a request that lacks a field", async () => {
    const { ask, asked } = setUp();
    const { events } = await ask(invoke("moderation", { provider: "p" }));
    expect(events[0]).toMatchObject({
      event: "error",
      message: expect.stringContaining(
        "unmarshal backwards invoke request failed: error validating struct: Key: 'model'",
      ),
    });
    expect(events[1]).toEqual(END);
    expect(asked).toEqual([]);
  });

  test("what is no call back, by ending the session", async () => {
    const { ask, counts } = setUp();
    expect(await ask({ type: "llm", request: {} })).toEqual({
      events: [],
      failed: {
        error_type: "invoke_dify_error",
        message: "invoke dify failed: invoke request missing request_id: it is not there",
      },
    });
    expect(counts).toMatchObject({ total: 1, failed: 1 });
  });
});

describe("createBackwardsCalls() when somebody is gone", () => {
  test("sends nothing for a session that has ended, and counts no failure", async () => {
    const failure = new InnerApiError("opening", "the call has ended", { kind: "timeout" });
    const { ask, counts, figures, lines } = setUp({ failure });
    expect((await ask(invoke("moderation", MODERATION), { ended: true })).events).toEqual([]);
    expect(counts).toMatchObject({ total: 1, failed: 0 });
    expect((await figures())[0]).toContain('outcome="cancelled"} 1');
    expect(lines).toEqual([]);
  });

  test("tells of an outage of the platform once, and of its end", async () => {
    let down = true;
    const outage = new InnerApiError("opening", "refused", { kind: "unreachable" });
    const { ask, lines } = setUp({ failure: () => (down ? outage : undefined) });
    await ask(invoke("moderation", MODERATION));
    await ask(invoke("moderation", MODERATION));
    down = false;
    await ask(invoke("moderation", MODERATION));
    await ask(invoke("moderation", MODERATION));
    expect(lines).toEqual([
      ["warn", "Cannot reach the platform"],
      ["info", "The platform answers again"],
    ]);
  });

  test("an answer that says no is no outage", async () => {
    const { ask, lines } = setUp({ failure: new InnerApiError("opening", "x", { kind: "answered" }) });
    await ask(invoke("moderation", MODERATION));
    expect(lines.map(([level]) => level)).toEqual(["debug"]);
  });
});
