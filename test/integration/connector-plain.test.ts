import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bodyOf, plainFunctionPackage, post } from "../support/plain-function-package.ts";
import { namesIn, startTestConnector, type TestConnector, untilInstances } from "../support/connector.ts";
import { plainPackage } from "../support/plain-package.ts";
import { rejection } from "../support/rejection.ts";
import type { PlainParameters } from "../support/plain-function.ts";
import { isRunning, readLines, until } from "../support/processes.ts";

/* Programs in the article's plain protocol as functions (contract/plain-protocol 6, article 5.3). */

setDefaultTimeout(60_000);

const SECRET = "the runtime's secret";

const hmac = (text: string) => new Bun.CryptoHasher("sha256", SECRET).update(text).digest("hex");

describe("a plain program behind the connector", () => {
  let connector: TestConnector;
  let endpoint: string;
  let message = "";
  beforeAll(async () => {
    connector = await startTestConnector({ alone: true, env: { PLUGD_CONNECTOR_MAX_INSTANCES: "2" } });
    for await (const event of connector.launch(await plainFunctionPackage()))
      if (event.Stage === "run" && event.State === "success") ({ Message: message } = event);
    endpoint = /endpoint=([^,]*)/.exec(message)?.[1] ?? "";
  });
  afterAll(() => connector[Symbol.asyncDispose]());

  const ask = async (parameters: PlainParameters) => {
    const response = await post(endpoint, bodyOf(parameters));
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };

  test("is launched with its protocol in the message", () => {
    expect(message).toEndWith(",protocol=plain");
  });

  test("answers with one JSON object, and what it has used", async () => {
    const { status, json } = await ask({ query: "Dify AI" });
    expect(status).toBe(200);
    const { data, usage } = json as {
      data: { line: string; pid: number };
      usage: { execution_time_ms: number; memory_used_mb: number };
    };
    expect(JSON.parse(data.line)).toEqual({
      type: "invoke",
      session_id: "session-id",
      request_id: expect.any(String),
      plugin_type: "tool",
      action: "invoke",
      data: {
        user_id: "user-123",
        tool_name: "google_search",
        parameters: { query: "Dify AI" },
        credentials: { api_key: "..." },
      },
      context: { user_id: "user-123", app_id: "app-456" },
    });
    expect(json["status"]).toBe("success");
    expect(usage.execution_time_ms).toBeGreaterThanOrEqual(0);
    expect(usage.memory_used_mb).toBeGreaterThan(5);
  });

  test("gets every digit of a number, and one line whatever the body looks like", async () => {
    const body =
      '{\n "action": "invoke",\r\n "plugin_type": "tool", "n": 123456789012345678901234567890, "t": "a\u2028b" }';
    const { data } = (await (await post(endpoint, body)).json()) as { data: { line: string } };
    expect(data.line).toContain('"n":123456789012345678901234567890');
    expect((JSON.parse(data.line) as { data: { t: string } }).data.t).toBe("a\u2028b");
  });

  test("may answer without ids, and prints what it likes meanwhile", async () => {
    expect((await ask({ mode: "no ids" })).json["data"]).toEqual({ type: "text", content: "hi" });
    expect((await ask({ mode: "print" })).json).toMatchObject({ status: "success", data: null });
    expect(connector.log()).toContain("a plain line");
    expect(connector.log()).toContain("a log line");
  });

  test("answers an error in the article's form", async () => {
    expect(await ask({ mode: "error" })).toEqual({
      status: 200,
      json: {
        status: "error",
        error: {
          type: "CredentialsValidationError",
          message: "Invalid API key",
          code: "INVALID_CREDENTIALS",
        },
        usage: { execution_time_ms: expect.any(Number), memory_used_mb: expect.any(Number) },
      },
    });
  });

  test("streams start, chunks and end byte for byte as the article has them", async () => {
    const response = await post(endpoint, bodyOf({ mode: "stream", n: 2 }));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const text = (await response.text()).replace(
      /,"usage":\{"execution_time_ms":\d+,"memory_used_mb":\d+\}/,
      "",
    );
    expect(text).toBe(
      'event: start\ndata: {"session_id":"session-id"}\n\n' +
        'event: chunk\ndata: {"content":"part 0"}\n\n' +
        'event: chunk\ndata: {"content":"part 1"}\n\n' +
        'event: end\ndata: {"total_tokens":100}\n\n',
    );
  });

  test("ends a stream with an error that it reports, and with one that says how it died", async () => {
    const reported = await (await post(endpoint, bodyOf({ mode: "stream, then error" }))).text();
    expect(reported).toEndWith(
      'event: error\ndata: {"error":{"type":"RateLimitError","message":"enough"}}\n\n',
    );
    const died = await (await post(endpoint, bodyOf({ mode: "stream, then die" }))).text();
    expect(died).toContain('event: chunk\ndata: {"content":"part 2"}\n\nevent: error\n');
    expect(died).toContain("Runtime.ExitError");
    expect(died).toContain("it exited with 7");
  });

  test("that dies before it answers is a 502, and the next call starts another", async () => {
    const { status, json } = await ask({ mode: "die" });
    expect(status).toBe(502);
    expect(json["errorType"]).toBe("Runtime.ExitError");
    expect(json["error"]).toContain("it exited with 7");
    expect((await ask({})).status).toBe(200);
  });

  test.each([
    ["{", "its body is not JSON"],
    ["[]", "its body is no object with an"],
    ['{"event":"request","data":{}}', "speaks the plain protocol"],
  ])("refuses the body %j with 400", async (body, text) => {
    const response = await post(endpoint, body);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(text);
  });

  test("answers one call at a time: a second one gets a process of its own, a third one waits", async () => {
    const calls = [1, 2, 3].map(() => ask({ mode: "sleep", n: 1500 }));
    const pids = (await Promise.all(calls)).map(({ json }) => (json["data"] as { pid: number }).pid);
    expect(new Set(pids).size).toBe(2);
  });

  test("is ended when its client leaves, for nobody knows when it is done", async () => {
    const { json } = await ask({});
    const { pid } = json["data"] as { pid: number };
    const leaving = new AbortController();
    const left = [1, 2].map(() =>
      post(endpoint, bodyOf({ mode: "sleep", n: 600_000 }), { signal: leaving.signal }).catch(
        () => undefined,
      ),
    );
    await untilInstances(connector, { calls: 2 });
    leaving.abort();
    await Promise.all(left);
    await until("it has gone", () => !isRunning(pid));
    expect((await ask({})).status).toBe(200);
  });

  test("is held back by a client that reads slowly, and loses nothing", async () => {
    const response = await post(endpoint, bodyOf({ mode: "flood", n: 300 }));
    let chunks = 0;
    for await (const line of readLines(response.body ?? new ReadableStream())) {
      if (line !== "event: chunk") continue;
      // Far more than pipes and sockets hold waits while nobody reads.
      if (++chunks === 1) await Bun.sleep(500);
    }
    expect(chunks).toBe(300);
  });

  test("sees nothing secret", async () => {
    const { json } = await ask({ mode: "environment" });
    const names = Object.keys(json["data"] as object);
    expect(names).toContain("DIFY_PLUGIN_DAEMON_URL");
    expect(names.filter((name) => /^PLUGD_|KEY|SECRET/.test(name))).toEqual([]);
  });
});

test("a plain program without heartbeats is launched, one that never answers them is not", async () => {
  await using connector = await startTestConnector({ alone: true, env: { PLUGD_START_TIMEOUT: "3" } });
  const { endpoint } = await connector.launched(await plainFunctionPackage("calm", { heartbeat: false }));
  expect((await post(endpoint, bodyOf({}))).status).toBe(200);
  const events = [];
  const mute = await plainFunctionPackage("mute", {}, "process.stdin.resume();\n");
  for await (const event of connector.launch(mute)) events.push(event);
  expect(events.at(-1)).toMatchObject({
    Stage: "run",
    State: "failed",
    Message: expect.stringContaining("it did not answer within 3 seconds"),
  });
});

test("with a secret, a plain call has to be signed, and its answer is", async () => {
  await using connector = await startTestConnector({
    alone: true,
    env: { PLUGD_CONNECTOR_SIGNATURE_SECRET: SECRET },
  });
  const { endpoint } = await connector.launched(await plainFunctionPackage());
  const body = bodyOf({ mode: "no ids" });
  expect((await post(endpoint, body)).status).toBe(401);
  expect((await post(endpoint, body, { sign: hmac(`${body} `) })).status).toBe(401);
  const answer = await post(endpoint, body, { sign: hmac(body) });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  const timestamp = answer.headers.get("x-dify-plugin-timestamp") ?? "";
  expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(60);
  expect(answer.headers.get("x-dify-plugin-signature")).toBe(hmac(`${timestamp}.session-id.${text}`));
  expect((await post(endpoint, body, { sign: hmac(body) })).status).toBe(401);
  const stream = bodyOf({ mode: "stream" });
  const streamed = await post(endpoint, stream, { sign: hmac(stream) });
  const at = streamed.headers.get("x-dify-plugin-timestamp") ?? "";
  expect(streamed.headers.get("x-dify-plugin-signature")).toBe(hmac(`${at}.session-id.`));
  expect(await streamed.text()).toContain("event: end");
});

test("the connector's own policy decides about signatures, whatever the daemon says of them", async () => {
  await using connector = await startTestConnector({
    alone: true,
    env: { FORCE_VERIFYING_SIGNATURE: "true" },
  });
  for (const verified of [true, false]) {
    const events = [];
    for await (const event of connector.launch(await plainFunctionPackage(), { verified }))
      events.push(event);
    expect(events.at(-1)).toMatchObject({ Stage: "start", State: "failed" });
    expect(events.at(-1)?.Message).toContain("bad signature");
  }
  expect(await connector.functions()).toEqual([]);
});

test("a process that uses more memory than its limit is ended, and its call says so", async () => {
  await using connector = await startTestConnector({ alone: true, env: { PLUGIN_MEMORY_FLOOR: "1" } });
  // Its manifest asks for 256 MiB.
  const { endpoint } = await connector.launched(await plainFunctionPackage());
  const response = await post(endpoint, bodyOf({ mode: "eat", n: 1000 }));
  expect(response.status).toBe(502);
  expect(await response.text()).toContain("it used more memory than its limit");
  expect((await post(endpoint, bodyOf({}))).status).toBe(200);
});

test("a client that neither reads nor leaves keeps its place no longer than the limit, and is told", async () => {
  await using connector = await startTestConnector({ alone: true, env: { PLUGD_CONNECTOR_TIMEOUT: "2" } });
  const { endpoint } = await connector.launched(await plainFunctionPackage());
  const response = await post(endpoint, bodyOf({ mode: "flood", n: 2000 }));
  await untilInstances(connector, { calls: 1 });
  await untilInstances(connector, { calls: 0, ready: 0 });
  expect(await response.text()).toContain("Task timed out");
  expect((await post(endpoint, bodyOf({}))).status).toBe(200);
});

test("a function that is launched while it is being deleted is there afterwards", async () => {
  await using connector = await startTestConnector({ alone: true });
  const pkg = await plainFunctionPackage();
  const { id, endpoint } = await connector.launched(pkg);
  const open = post(endpoint, bodyOf({ mode: "sleep", n: 700 }));
  await untilInstances(connector, { calls: 1 });
  const deleted = connector.request(`/v1/functions/${id}`, { method: "DELETE" });
  await until("nobody finds it", async () => (await connector.functions()).length === 0);
  const again = await connector.launched(pkg);
  expect((await deleted).status).toBe(200);
  expect((await open).status).toBe(200);
  expect(again.id).not.toBe(id);
  expect((await post(again.endpoint, bodyOf({}))).status).toBe(200);
  expect(await namesIn(connector.dataDir, "packages")).toHaveLength(1);
});

test("a port, or a folder, that is taken is an error that names the variable", async () => {
  await using connector = await startTestConnector({ alone: true });
  const folder = await rejection(startTestConnector({ alone: true, dataDir: connector.dataDir }));
  expect(folder).toMatchObject({ message: expect.stringContaining("this process uses it already") });
  const port = new URL(connector.url).port;
  const taken = await rejection(startTestConnector({ alone: true, env: { PLUGD_CONNECTOR_PORT: port } }));
  expect(taken).toMatchObject({
    message: `Cannot listen on "127.0.0.1:${port}": the port is taken`,
    hint: expect.stringContaining("PLUGD_CONNECTOR_PORT"),
  });
});

test("a program in any language is a function, and a manifest that does not say how to run one is refused at once", async () => {
  await using connector = await startTestConnector({ alone: true });
  const script = readFileSync(join(import.meta.dir, "../fixtures/plugins/plain/main.sh"));
  const runner = { version: "1", language: "sh", entrypoint: "main", protocol: "plain" };
  const files = { "main.sh": script };
  const pkg = await plainPackage({ name: "script", runner: { ...runner, command: ["./main.sh"] }, files });
  const { endpoint } = await connector.launched(pkg);
  const body = '{"action":"invoke","plugin_type":"tool","tool_name":"act","parameters":{"name":"Ada"}}';
  const text = await (await post(endpoint, body)).text();
  expect(text).toContain(
    'event: chunk\ndata: {"content":"Hello, "}\n\nevent: chunk\ndata: {"content":"Ada"}\n\n',
  );
  const events = [];
  const wrong = await plainPackage({ name: "wrong", runner: { ...runner, protocol: "morse" }, files });
  for await (const event of connector.launch(wrong)) events.push(event);
  expect(events.at(-1)).toMatchObject({
    Stage: "start",
    State: "failed",
    Message: expect.stringContaining('meta.runner.protocol is "morse"'),
  });
});
