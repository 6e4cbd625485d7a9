/**
 * The article's messages as they are printed there (contract/seed-article 3.3, 4.2, 4.4, 7.3), over a connection to a real
 * daemon: sent to it they do what the article says, and what it sends is what the article shows. Ids and keys that are
 * printed as examples are real ones, and what is printed on many lines is one on the wire.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { connectDebug, type DebugClient, debugKey } from "../support/debug-client.ts";
import { type DebugDaemon, startDebugDaemon } from "../support/debug-daemon.ts";
import { until } from "../support/processes.ts";
import { findPython } from "./python-env-support.ts";

setDefaultTimeout(60_000);

const AUTH = `{
"type": "auth",
"api_key": "debug-key-xxx",
"plugin_id": "my-plugin"
}`;
const AUTH_SUCCESS = `{
"type": "auth_success",
"session_id": "uuid"
}`;
const INVOKE = `{
"type": "invoke",
"session_id": "uuid-session-id",
"request_id": "uuid-request-id",
"plugin_type": "tool",
"action": "invoke",
"data": {
"tool_name": "google_search",
"parameters": {
"query": "Dify AI platform"
},
"credentials": {
"api_key": "encrypted_key"
}
}
}`;
const RESPONSE = `{
"type": "response",
"session_id": "uuid-session-id",
"request_id": "uuid-request-id",
"status": "success",
"data": {
"type": "text",
"content": "Search results..."
}
}`;
const STREAM = `{"type": "stream_start", "session_id": "...", "request_id": "..."}
{"type": "stream_chunk", "data": {"content": "Hello"}}
{"type": "stream_chunk", "data": {"content": " World"}}
{"type": "stream_end", "data": {"total_tokens": 100}}`;
const LOG = `{
"type": "log",
"level": "debug",
"message": "Processing request...",
"timestamp": "2024-01-01T00:00:00Z"
}`;
const BREAKPOINT = `{
"type": "breakpoint",
"file": "tools/search.py",
"line": 42,
"variables": {
"query": "test search"
}
}`;
const RELOAD = `{
"type": "reload",
"status": "success",
"message": "Plugin reloaded successfully"
}`;
const ERROR = `{
"status": "error",
"error": {
"type": "CredentialsValidationError",
"message": "Invalid API key",
"code": "INVALID_CREDENTIALS"
}
}`;

const oneLine = (printed: string) => printed.replaceAll("\n", "");
const values = (printed: string): Record<string, unknown> => JSON.parse(printed);

let daemon: DebugDaemon;
let client: DebugClient;
beforeAll(async () => {
  daemon = await startDebugDaemon();
  await daemon.api.install({ name: "my-plugin" });
  client = await connectDebug(daemon.debugPort);
});
afterAll(async () => {
  client.hangUp();
  await daemon[Symbol.asyncDispose]();
});

/** A call as the article's request shows it; resolves with the request that the plugin gets, and the answer to come. */
async function call() {
  const { parameters, credentials } = values(INVOKE)["data"] as Record<string, unknown>;
  const answer = daemon.api
    .request(`/plugin/${TENANT}/dispatch/tool/invoke`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": "tests/my-plugin" },
      body: JSON.stringify({
        user_id: "u1",
        data: { provider: "fake", tool: "google_search", tool_parameters: parameters, credentials },
      }),
    })
    .then(readCall);
  const request = (await client.next()) as Readonly<Record<string, string>>;
  const withIds = (printed: string) =>
    printed
      .replace(/"(uuid-session-id|\.\.\.)"(?=,)/, `"${request["session_id"]}"`)
      .replace(/"(uuid-request-id|\.\.\.)"/, `"${request["request_id"]}"`);
  return { request, withIds, answer };
}

describe("the article's messages over a debugging connection", () => {
  test("4.2: auth is answered with auth_success, and the installed plugin is the client's", async () => {
    client.send(oneLine(AUTH).replace("debug-key-xxx", await debugKey(daemon.api)));
    const answer = await client.next();
    const { session_id: sessionId } = answer as { session_id: string };
    expect(sessionId).toMatch(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(JSON.stringify(answer).replace(sessionId, "uuid")).toBe(JSON.stringify(values(AUTH_SUCCESS)));
    expect((await daemon.listed())["tests/my-plugin"]).toMatchObject({ runtime_type: "remote" });
  });

  test("3.4.1: a heartbeat is asked for, and its ack is taken", async () => {
    expect(await client.next()).toMatchObject({ type: "heartbeat" });
    client.send('{"type": "heartbeat_ack"}');
  });

  test("3.3.1, 3.3.2: a request is what is printed, and so may be its response", async () => {
    const { request, withIds, answer } = await call();
    const { session_id: _s, request_id: _r, ...printed } = values(INVOKE);
    expect(request).toMatchObject(printed);
    expect(Object.keys(request).slice(0, 6)).toEqual(Object.keys(values(INVOKE)));
    client.send(oneLine(withIds(RESPONSE)));
    expect(await answer).toMatchObject({
      items: [{ type: "text", message: { text: "Search results..." } }],
      failure: undefined,
    });
  });

  test("3.3.3: a stream whose chunks have no ids", async () => {
    const { withIds, answer } = await call();
    client.send(...withIds(STREAM).split("\n"));
    const { items, failure } = await answer;
    expect(items).toMatchObject([{ message: { text: "Hello" } }, { message: { text: " World" } }]);
    expect(failure).toBeUndefined();
  });

  test("4.4.1: log, breakpoint and reload reach those who watch, and harm no call", async () => {
    const { withIds, answer } = await call();
    client.send(oneLine(LOG), oneLine(BREAKPOINT), oneLine(RELOAD));
    const path = `/plugin/${TENANT}/debugging/events?plugin_id=tests/my-plugin&from=start&follow=false`;
    const seen = async () => (await daemon.api.request(path)).text();
    for (const part of ["Processing request...", "tools/search.py", "Plugin reloaded successfully"])
      await until(`"${part}" is seen`, async () => (await seen()).includes(part));
    client.send(oneLine(withIds(RESPONSE)));
    expect((await answer).failure).toBeUndefined();
  });

  test.each(["CredentialsValidationError", "PluginError", "RateLimitError", "TimeoutError"])(
    "7.3: the error without ids, a %s, ends the one call that waits",
    async (type) => {
      const { answer } = await call();
      client.send(oneLine(ERROR).replace("CredentialsValidationError", type));
      expect(await answer).toMatchObject({
        items: [],
        failure: { error_type: type, message: "Invalid API key", args: { code: "INVALID_CREDENTIALS" } },
      });
    },
  );

  test("9.2: an invalid key gets no connection", async () => {
    await using other = await connectDebug(daemon.debugPort);
    other.send(oneLine(AUTH));
    expect(await other.rest()).toMatchObject([{ type: "auth_failed", error: { code: "INVALID_API_KEY" } }]);
  });
});

const python = (await findPython(12)) ?? (await findPython(13)) ?? (await findPython(14));

test("4.5: the article's own client connects, and answers", async () => {
  if (python === undefined) throw new Error("There is no Python of 3.12 or newer here");
  await daemon.api.install({ name: "own-client" });
  const script = join(import.meta.dir, "../fixtures/plugins/plain/debug_main.py");
  const key = await debugKey(daemon.api);
  const child = Bun.spawn([python, "-B", script, String(daemon.debugPort), key, "own-client"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await until("it is connected", async () => {
      const plugin = (await daemon.listed())["tests/own-client"];
      return plugin?.runtime_type === "remote";
    });
    const { items, failure } = await daemon.api.call("tests/own-client", { name: "Ada" });
    expect([items, failure]).toMatchObject([[{ message: { text: "Hello, Ada" } }], undefined]);
  } finally {
    child.kill();
    await child.exited;
  }
  expect(await child.stdout.text()).toMatch(/^Connected with session: [0-9a-f-]{36}\n/);
});
