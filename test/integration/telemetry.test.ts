import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { DURATION_BOUNDS } from "../../src/telemetry/call-spans.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { testPlatform } from "../support/fake-platform.ts";
import { type OtlpCollector, otlpCollector, type ReceivedSpan } from "../support/otlp-collector.ts";
import { until } from "../support/processes.ts";
import { installCalling, openCall } from "./backwards-support.ts";
import { callHook, endpointsOf, script } from "./hooks-support.ts";

setDefaultTimeout(30_000);

const API_KEY = "otel-key-of-the-operator";
const MODERATION = { provider: "p", model: "m", text: "x" };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

const platform = testPlatform();
const collector = otlpCollector();
let daemon: LocalDaemon;
let plugin: string;

beforeAll(async () => {
  daemon = await startTestDaemon({
    env: {
      ...platform.env,
      ...collector.env,
      OTEL_API_KEY: API_KEY,
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      LOG_LEVEL: "debug",
    },
  });
  plugin = await installCalling(daemon);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  collector[Symbol.dispose]();
  await platform[Symbol.asyncDispose]();
});

const moderate = { mode: "call", type: "moderation", request: MODERATION };

async function call(
  parameters: Readonly<Record<string, unknown>> & { readonly mode: string },
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  await readCall(await openCall(daemon, { pluginId: plugin, parameters, headers }));
}

/** The spans of a trace, once the one of its request is there, which ends last. */
async function spansOf(traceId: string, of: Pick<OtlpCollector, "spans"> = collector) {
  const found = () => of.spans.filter((span) => span.traceId === traceId);
  await until("the trace is there", () => found().some(({ kind }) => kind === "server"));
  return found();
}

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [span, ...more] = spans.filter((one) => one.name === name);
  if (!span || more.length > 0) throw new Error(`Not one span "${name}": ${JSON.stringify(spans, null, 2)}`);
  return span;
}

function askedLast() {
  return platform.received().at(-1)?.headers ?? {};
}

const newTrace = () => crypto.getRandomValues(new Uint8Array(16)).toHex();

describe("OpenTelemetry", () => {
  test("a request, its call and its call back are one trace, which the platform goes on with", async () => {
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    await call(moderate, { traceparent, tracestate: "vendor=1,other=2", baggage: "user=alice" });
    const spans = await spansOf(TRACE);
    const server = named(spans, "POST /plugin/:tenant_id/dispatch/tool/invoke");
    const invoked = named(spans, "plugin.invoke");
    const back = named(spans, "plugin.backwards_call moderation");
    expect(spans).toHaveLength(3);
    expect([server.parentSpanId, invoked.parentSpanId, back.parentSpanId]).toEqual([
      SPAN,
      server.spanId,
      invoked.spanId,
    ]);
    expect(server).toMatchObject({
      kind: "server",
      failed: false,
      traceState: "vendor=1,other=2",
      resource: { "service.name": "dify-plugin-daemon", "service.version": "unknown" },
      attributes: {
        tenant_id: TENANT,
        "http.request.method": "POST",
        "http.route": "/plugin/:tenant_id/dispatch/tool/invoke",
        "http.response.status_code": 200,
      },
    });
    expect(invoked).toMatchObject({
      kind: "internal",
      events: ["sent", "first_item"],
      attributes: {
        tenant_id: TENANT,
        "plugin.id": plugin,
        "plugin.version": "0.0.1",
        "plugin.runtime_type": "local",
        "plugin.access_type": "tool",
        "plugin.action": "invoke_tool",
        "plugin.outcome": "success",
        "plugin.response.items": 2,
        "plugin.backwards_calls": 1,
      },
    });
    expect(back).toMatchObject({
      kind: "client",
      events: ["first_byte"],
      attributes: {
        tenant_id: TENANT,
        "plugin.id": plugin,
        "plugin.backwards_call.type": "moderation",
        "plugin.outcome": "success",
        "plugin.response.size": '{"result":false}'.length,
      },
    });
    expect(invoked.startMs).toBeLessThanOrEqual(back.startMs);
    expect(back.startMs).toBeLessThanOrEqual(back.endMs);
    expect(back.endMs).toBeLessThanOrEqual(invoked.endMs);
    expect(askedLast()).toMatchObject({
      traceparent: `00-${TRACE}-${back.spanId}-01`,
      tracestate: "vendor=1,other=2",
      baggage: "user=alice",
    });
  });

  test.each([
    ["malformed", "not a trace"],
    ["empty of ids", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`],
  ])("a traceparent that is %s begins a trace", async (_, traceparent) => {
    await call(moderate, { traceparent });
    const sent = askedLast()["traceparent"] ?? "";
    const [, traceId = "", spanId] = sent.split("-");
    const spans = await spansOf(traceId);
    expect(named(spans, "plugin.backwards_call moderation").spanId).toBe(spanId ?? "");
    expect(spans.find(({ kind }) => kind === "server")?.parentSpanId).toBe("");
  });

  test("a parent that is not sampled is followed: nothing is sent, and the platform is told", async () => {
    const traceId = newTrace();
    await call(moderate, { traceparent: `00-${traceId}-${SPAN}-00` });
    expect(askedLast()["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    const after = newTrace();
    await call(moderate, { traceparent: `00-${after}-${SPAN}-01` });
    await spansOf(after);
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  test("storage stays in the daemon, and what is refused is an error", async () => {
    const traceId = newTrace();
    const traceparent = `00-${traceId}-${SPAN}-01`;
    await call(
      { mode: "call", type: "storage", request: { opt: "set", key: "k", value: "00" } },
      { traceparent },
    );
    const spans = await spansOf(traceId);
    expect(named(spans, "plugin.backwards_call storage")).toMatchObject({ kind: "internal", failed: false });
    const other = newTrace();
    await call({ mode: "call", type: "nonsense" }, { traceparent: `00-${other}-${SPAN}-01` });
    const refused = named(await spansOf(other), "plugin.backwards_call unknown");
    expect(refused).toMatchObject({
      kind: "internal",
      failed: true,
      attributes: { "plugin.outcome": "refused" },
    });
  });

  test("the span of a request ends with its call, not with the head of the stream", async () => {
    const traceId = newTrace();
    await call(
      { mode: "many", n: 20, type: "moderation", request: MODERATION },
      { traceparent: `00-${traceId}-${SPAN}-01` },
    );
    const spans = await spansOf(traceId);
    const server = spans.find(({ kind }) => kind === "server");
    expect(server?.endMs).toBeGreaterThanOrEqual(named(spans, "plugin.invoke").endMs - 1);
    expect(spans).toHaveLength(22);
  });

  test("a hook is a trace with its tenant, and without its address", async () => {
    const installed = await daemon.api.install({ name: "hooks", endpoints: "secret" });
    const path = await endpointsOf(daemon).setUp(
      installed.identifier,
      script([{ item: { status: 200, headers: {}, result: "" } }], { token: "top-secret" }),
    );
    const traceId = newTrace();
    const headers = { traceparent: `00-${traceId}-${SPAN}-01` };
    await (await callHook(daemon, `${path}/x?token=s3cret`, { headers })).text();
    const spans = await spansOf(traceId);
    const server = named(spans, "GET /e/:hook_id/*");
    expect(server.attributes).toMatchObject({ tenant_id: TENANT, "http.route": "/e/:hook_id/*" });
    expect(named(spans, "plugin.invoke").parentSpanId).toBe(server.spanId);
    const decrypted = named(spans, "POST /inner/api/invoke/encrypt");
    expect(decrypted).toMatchObject({
      kind: "client",
      parentSpanId: server.spanId,
      attributes: { tenant_id: TENANT },
    });
    expect(askedLast()["traceparent"]).toBe(`00-${traceId}-${decrypted.spanId}-01`);
    expect(JSON.stringify(spans)).not.toContain("top-secret");
    expect(JSON.stringify(spans)).not.toContain(path.split("/").at(-1) ?? "");
    expect(JSON.stringify(spans)).not.toContain("s3cret");
  });

  test("metrics tell of calls by the names of the reference", async () => {
    const attributes = {
      "plugin.id": plugin,
      "plugin.version": "0.0.1",
      "plugin.runtime_type": "local",
      "plugin.access_type": "tool",
      "plugin.outcome": "success",
    };
    const find = (metric: string) =>
      collector.points.findLast(
        (point) => point.metric === metric && Bun.deepEquals(point.attributes, attributes),
      );
    await call(moderate);
    await until("they are there", () => find("plugin.invocation.duration") !== undefined);
    expect(find("plugin.invocations")).toMatchObject({ unit: "{call}", value: expect.any(Number) });
    expect(find("plugin.invocation.duration")).toMatchObject({ unit: "s", bounds: [...DURATION_BOUNDS] });
  });

  test("the key goes to the collector, and into no log", async () => {
    await call(moderate);
    await until("something was sent", () => collector.requests.length > 0);
    for (const { headers } of collector.requests) {
      expect(headers.get("authorization")).toBe(`Bearer ${API_KEY}`);
      expect(headers.get("content-type")).toBe("application/x-protobuf");
    }
    expect(daemon.log()).not.toContain(API_KEY);
    expect(daemon.log()).not.toContain("OTEL_API_KEY");
  });
});

/** A daemon of its own, with one plugin that answers. */
async function otherDaemon(env: Readonly<Record<string, string>>) {
  const other = await startTestDaemon({ env: { ...platform.env, ...env } });
  return { other, id: await installCalling(other) };
}

describe("OpenTelemetry with", () => {
  test("a sampling rate of 0 sends no trace that begins here, and what has a sampled parent", async () => {
    using own = otlpCollector();
    const { other, id } = await otherDaemon({ ...own.env, OTEL_SAMPLING_RATE: "0" });
    await using _ = other;
    await other.api.call(id, moderate);
    expect(askedLast()["traceparent"]).toMatch(/-00$/);
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    await readCall(await openCall(other, { pluginId: id, parameters: moderate, headers: { traceparent } }));
    await other.close();
    expect(new Set(own.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  });

  test("a collector that is down: calls go on, one line tells, and the end comes in time", async () => {
    const { other, id } = await otherDaemon({
      ENABLE_OTEL: "true",
      OTLP_BASE_ENDPOINT: "http://user:pass@127.0.0.1:1",
      OTEL_BATCH_EXPORT_SCHEDULE_DELAY: "10",
      OTEL_BATCH_EXPORT_TIMEOUT: "200",
      OTEL_METRIC_EXPORT_INTERVAL: "100000",
      OTEL_METRIC_EXPORT_TIMEOUT: "200",
      OTEL_MAX_QUEUE_SIZE: "20",
      OTEL_API_KEY: API_KEY,
    });
    await using _ = other;
    for (let n = 0; n < 20; n++) {
      const { failure } = await other.api.call(id, moderate);
      expect(failure).toBeUndefined();
    }
    const lines = () =>
      other
        .log()
        .split("\n")
        .filter((line) => line.includes("Cannot send traces"));
    await until("it is told", () => lines().length > 0);
    const metrics = await (await other.api.request("/metrics/")).text();
    expect(Number(/^plugin_otel_dropped_spans_total (\d+)/m.exec(metrics)?.[1] ?? 0)).toBeGreaterThan(20);
    const began = performance.now();
    await other.close();
    expect(performance.now() - began).toBeLessThan(5000);
    expect(lines()).toHaveLength(1);
    expect(other.log()).not.toContain("user:pass");
    expect(other.log()).not.toContain(API_KEY);
  });

  test("a collector that never answers: what waits is bounded, and the end comes in time", async () => {
    using own = otlpCollector(() => new Promise(() => undefined));
    const { other, id } = await otherDaemon({ ...own.env, OTEL_MAX_QUEUE_SIZE: "5" });
    await using _ = other;
    for (let n = 0; n < 10; n++) expect((await other.api.call(id, moderate)).failure).toBeUndefined();
    await until("something was sent", () => own.requests.length > 0);
    expect(own.spans.length).toBeLessThanOrEqual(5);
    const began = performance.now();
    await other.close();
    expect(performance.now() - began).toBeLessThan(8000);
    expect(other.log()).toContain("the collector takes too long");
  });

  test("a collector that refuses is told of, without its words", async () => {
    using own = otlpCollector(() => new Response(`who is ${API_KEY}`, { status: 401 }));
    const { other, id } = await otherDaemon({ ...own.env, OTEL_API_KEY: API_KEY });
    await using _ = other;
    await other.api.call(id, moderate);
    await until("it is told", () => other.log().includes("Cannot send traces"));
    await other.close();
    expect(other.log()).not.toContain(API_KEY);
  });

  test("it off sends nothing, and the header goes through as it came", async () => {
    using own = otlpCollector();
    const { other, id } = await otherDaemon({ ...own.env, ENABLE_OTEL: "false" });
    await using _ = other;
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "a=1", baggage: "b=2" };
    await readCall(await openCall(other, { pluginId: id, parameters: moderate, headers }));
    expect(askedLast()["traceparent"]).toBe(headers.traceparent);
    expect(askedLast()).not.toHaveProperty("tracestate");
    await other.close();
    expect(own.requests).toEqual([]);
  });
});
