import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { signAnswer } from "../../src/protocol/serverless/signature.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector, type StandInConnector } from "../support/stand-in-connector.ts";
import {
  type FunctionCall,
  startTestFunction,
  streamed,
  type TestFunction,
} from "../support/test-function.ts";

/* Functions in the article's plain form (contract/plain-protocol 6), over the HTTP API. */

setDefaultTimeout(30_000);

const SECRET = "runtime-secret";
let connector: StandInConnector;
let fn: TestFunction;
let daemon: LocalDaemon;
let pluginId: string;

beforeAll(async () => {
  fn = startTestFunction();
  connector = startStandInConnector({ launch: () => fn.url });
  daemon = await startTestDaemon({
    env: {
      ...connector.env,
      PLUGD_RUNTIME: "serverless",
      PLUGD_SERVERLESS_SIGNATURE_SECRET: SECRET,
      PLUGD_SERVERLESS_TIMEOUT: "1",
      MAX_SERVERLESS_RETRY_TIMES: "2",
    },
  });
  const { identifier, ...installed } = await daemon.api.install({ name: "plain" });
  ({ pluginId } = installed);
  const response = await daemon.api.request("/admin/plugin/serverless/switch-endpoint", {
    method: "POST",
    headers: { "content-type": "application/json", "x-admin-api-key": "the admin's key" },
    body: JSON.stringify({
      plugin_unique_identifier: identifier,
      function_name: "plain",
      function_url: `${fn.url}/stage?key=1`,
      protocol: "plain",
    }),
  });
  expect(await response.json()).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await fn[Symbol.asyncDispose]();
});

async function ask(answer: TestFunction["answer"]) {
  fn.answer = answer;
  fn.calls.length = 0;
  return daemon.api.call(pluginId, { query: "Dify AI" });
}
const sessionOf = ({ request }: FunctionCall) => request.headers.get("x-dify-plugin-session") ?? "";
const SUCCESS = JSON.stringify({
  status: "success",
  data: { type: "text", content: "Search results..." },
  usage: { execution_time_ms: 1500, memory_used_mb: 128 },
});
const textItem = (text: string) => ({ type: "text", message: { text }, meta: null });

test("a request is the article's, signed over its very bytes, and says where to call back", async () => {
  const { items } = await ask(() => new Response(SUCCESS));
  expect(items).toEqual([textItem("Search results...")]);
  const [call] = fn.calls as [FunctionCall];
  const { headers } = call.request;
  expect([call.request.method, call.path]).toEqual(["POST", "/stage/invoke?key=1"]);
  expect(headers.get("content-type")).toBe("application/json");
  expect(sessionOf(call)).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers.get("x-dify-plugin-signature")).toBe(
    new Bun.CryptoHasher("sha256", SECRET).update(call.body).digest("hex"),
  );
  const timestamp = headers.get("x-dify-plugin-timestamp");
  expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(60);
  expect(headers.get("x-dify-plugin-stamp")).toBe(
    new Bun.CryptoHasher("sha256", SECRET)
      .update(`request.${timestamp}.${sessionOf(call)}.${call.body}`)
      .digest("hex"),
  );
  expect(headers.get("x-dify-plugin-daemon-url")).toBe(connector.launches[0]?.metadata.daemon_url ?? "");
  expect(JSON.parse(call.body)).toMatchObject({
    action: "invoke",
    plugin_type: "tool",
    parameters: { query: "Dify AI" },
    context: { user_id: "u1" },
  });
});

test("a stream is passed on as it comes", async () => {
  const { items, failure } = await ask(
    (call) =>
      new Response(
        `event: start\ndata: {"session_id": "${sessionOf(call)}"}\n\nevent: chunk\ndata: {"content": "Hello"}\n\n` +
          'event: chunk\r\ndata: {"content": " World"}\r\n\r\nevent: end\ndata: {"total_tokens": 100}\n\n',
        { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } },
      ),
  );
  expect(failure).toBeUndefined();
  expect(items).toEqual([textItem("Hello"), textItem(" World")]);
});

test.each([502, 503, 504])("%d is asked again", async (status) => {
  let first = true;
  const { items } = await ask(() => {
    if (!first) return new Response(SUCCESS);
    first = false;
    return new Response("", { status });
  });
  expect(items).toHaveLength(1);
  expect(fn.calls).toHaveLength(2);
});

test("what has begun to answer is not asked again", async () => {
  const { items, failure } = await ask(
    () =>
      new Response('event: chunk\ndata: {"content": "a"}\n\n', {
        headers: { "content-type": "text/event-stream" },
      }),
  );
  expect(items).toEqual([textItem("a")]);
  expect(failure?.message).toContain("broke off before its end");
  expect(fn.calls).toHaveLength(1);
});

test("silence is ended, before the head and in the middle of a stream", async () => {
  const before = await ask(() => new Promise(() => undefined));
  expect(before.failure?.message).toBe("the function was silent for 1 s (PLUGD_SERVERLESS_TIMEOUT)");
  const within = await ask(() => {
    const response = streamed(['event: chunk\ndata: {"content": "a"}\n\n'], { open: true });
    response.headers.set("content-type", "text/event-stream");
    return response;
  });
  expect(within.items).toHaveLength(1);
  expect(within.failure?.message).toContain("silent for 1 s");
  await fn.calls[0]?.left;
});

test("an answer that is signed has to be signed well, for this session and now", async () => {
  const signed = (call: FunctionCall, more: { session?: string; at?: number; secret?: string } = {}) => {
    const timestamp = String(Math.round((more.at ?? Date.now()) / 1000));
    const sessionId = more.session ?? sessionOf(call);
    return new Response(SUCCESS, {
      headers: {
        "x-dify-plugin-timestamp": timestamp,
        "x-dify-plugin-signature": signAnswer(more.secret ?? SECRET, { timestamp, sessionId, body: SUCCESS }),
      },
    });
  };
  expect((await ask((call) => signed(call))).items).toHaveLength(1);
  for (const [more, why] of [
    [{ secret: "other" }, "its signature is wrong"],
    [{ session: "another" }, "its signature is wrong"],
    [{ at: Date.now() - 600_000 }, "it was signed at another time"],
  ] as const) {
    const { failure, items } = await ask((call) => signed(call, more));
    expect(items).toEqual([]);
    expect(failure?.message).toBe(`failed to read response body: the answer cannot be trusted: ${why}`);
  }
});

test("errors of the article reach the caller, and what they cost the metrics", async () => {
  const { failure } = await ask(() => new Response('{"error": "Unknown action"}', { status: 400 }));
  expect(failure).toMatchObject({ error_type: "PluginError", message: "Unknown action" });
  await until("usage is counted", async () => {
    const text = await (await daemon.api.request("/metrics/")).text();
    return (
      text.includes(`plugin_serverless_memory_bytes{plugin_id="${pluginId}"} ${128 * 1024 * 1024}`) &&
      new RegExp(`plugin_serverless_execution_seconds_sum\\{plugin_id="${pluginId}"\\} \\d`).test(text)
    );
  });
});
