import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { type OtlpCollector, otlpCollector } from "../support/otlp-collector.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector, type StandInConnector } from "../support/stand-in-connector.ts";
import { sessionLine, startTestFunction, type TestFunction, tool } from "../support/test-function.ts";
import { openCall } from "./backwards-support.ts";

/* What operators see of functions: OpenTelemetry's metrics (contract/lifecycle 9.3), and the plugin's live events. */

setDefaultTimeout(30_000);

let connector: StandInConnector;
let fn: TestFunction;
let daemon: LocalDaemon;
let collector: OtlpCollector;
let pluginId: string;

beforeAll(async () => {
  fn = startTestFunction();
  collector = otlpCollector();
  connector = startStandInConnector({ launch: () => fn.url });
  daemon = await startTestDaemon({
    env: {
      ...connector.env,
      ...collector.env,
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      MAX_SERVERLESS_REQUEST_BYTES: "2000",
      PLUGD_RUNTIME: "serverless",
    },
  });
  ({ pluginId } = await daemon.api.install({ name: "watched" }));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await fn[Symbol.asyncDispose]();
  collector[Symbol.dispose]();
});

/** The last point of a metric that has these attributes among its own. */
async function point(metric: string, attributes: object) {
  const found = () =>
    collector.points.findLast(
      (one) =>
        one.metric === metric &&
        Object.entries(attributes).every(([name, value]) => one.attributes[name] === value),
    );
  await until(`there is a point of ${metric}`, () => found() !== undefined);
  return found();
}

test("attempts that failed are counted by OpenTelemetry's name of them", async () => {
  fn.answer = () => new Response("", { status: 429 });
  await daemon.api.call(pluginId, { mode: "x" });
  expect(await point("plugin.serverless.runtime.failures", {})).toMatchObject({
    unit: "{failure}",
    value: 1,
    attributes: {
      "plugin.action": "invoke_tool",
      "http.response.status_code": 429,
      "failure.type": "rate_limit",
      "failure.source": "lambda_function_url",
    },
  });
});

test("a request carries the span of its call, in the trace of whoever called", async () => {
  fn.answer = tool("hello");
  fn.calls.length = 0;
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  await readCall(await openCall(daemon, { pluginId, parameters: { mode: "x" }, headers }));
  const span = () =>
    collector.spans.find(({ name, traceId }) => name === "plugin.invoke" && traceId === trace);
  await until("the span is there", () => span() !== undefined);
  expect(fn.calls[0]?.request.headers.get("traceparent")).toBe(`00-${trace}-${span()?.spanId}-01`);
});

test("a call that is too large is counted with its plugin", async () => {
  await daemon.api.call(pluginId, { mode: "x".repeat(3000) });
  expect(await point("plugin.serverless.batch.oversize_items", {})).toMatchObject({
    value: 1,
    attributes: {
      "plugin.id": pluginId,
      "plugin.version": "0.0.1",
      "plugin.runtime_type": "serverless",
      "plugin.access_type": "tool",
      "plugin.action": "invoke_tool",
    },
  });
});

test("texts in several requests are counted and measured, and so are answers that do not fit together", async () => {
  fn.answer = ({ sessionId }) =>
    new Response(sessionLine(sessionId, "stream", { num_tokens: [1] }) + sessionLine(sessionId, "end", {}));
  await daemon.api.request(`/plugin/${TENANT}/dispatch/text_embedding/num_tokens`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-plugin-id": pluginId },
    body: JSON.stringify({
      user_id: "u",
      data: { provider: "p", model_type: "text-embedding", model: "m", credentials: {}, texts: texts() },
    }),
  });
  const of = {
    "plugin.id": pluginId,
    "plugin.access_type": "model",
    "plugin.action": "get_text_embedding_num_tokens",
  };
  expect(await point("plugin.serverless.batch.count", of)).toMatchObject({ unit: "{batch}", value: 1 });
  const payload = await point("plugin.serverless.batch.payload_bytes", of);
  expect(payload?.unit).toBe("By");
  expect(payload?.value).toBeGreaterThan(1);
  expect(
    await point("plugin.serverless.batch.result_mismatches", {
      ...of,
      "batch.mismatch_reason": "token_count",
    }),
  ).toMatchObject({ value: 1 });
});

const texts = () => Array.from({ length: 10 }, () => "x".repeat(500));
