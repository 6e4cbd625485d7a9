/** A plugin in any language that its developer connects, in the article's own words. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connectDebug, debugKey, manifestMessage, toolMessage } from "../support/debug-client.ts";
import { type DebugDaemon, startDebugDaemon } from "../support/debug-daemon.ts";
import { until } from "../support/processes.ts";

setDefaultTimeout(30_000);

const HEARTBEAT = { type: "heartbeat", action: "heartbeat" };

let daemon: DebugDaemon;
beforeAll(async () => {
  daemon = await startDebugDaemon();
});
afterAll(() => daemon[Symbol.asyncDispose]());

async function connected(auth: object) {
  const client = await connectDebug(daemon.debugPort);
  client.send({ type: "auth", api_key: await debugKey(daemon.api), ...auth });
  const answer = (await client.next()) as { type: string; session_id: string };
  expect(answer).toEqual({ type: "auth_success", session_id: expect.any(String) });
  expect(await client.next()).toEqual(HEARTBEAT);
  client.send({ type: "heartbeat_ack" });
  return { client, sessionId: answer.session_id };
}

test("an installed plugin is debugged by its name, called, streams, and is given back", async () => {
  await daemon.api.install({});
  const { client } = await connected({ plugin_id: "fake" });
  expect((await daemon.listed())["tests/fake"]).toMatchObject({ runtime_type: "remote", version: "0.0.1" });
  const answer = daemon.api.call("tests/fake", { query: "x" });
  const { session_id, request_id, ...request } = (await client.next()) as Record<string, unknown>;
  expect(request).toEqual({
    type: "invoke",
    plugin_type: "tool",
    action: "invoke",
    data: expect.objectContaining({ tool_name: "act", parameters: { query: "x" }, credentials: {} }),
  });
  client.send(
    { type: "stream_start", session_id, request_id },
    { type: "stream_chunk", data: { content: "Hello" } },
    { type: "stream_end", data: { total_tokens: 100 } },
  );
  expect((await answer).items).toMatchObject([{ type: "text", message: { text: "Hello" } }]);

  const failing = daemon.api.call("tests/fake", {});
  const second = (await client.next()) as Record<string, unknown>;
  client.send({
    type: "response",
    session_id: second["session_id"],
    request_id: second["request_id"],
    status: "error",
    error: { type: "CredentialsValidationError", message: "Invalid API key", code: "INVALID_CREDENTIALS" },
  });
  expect((await failing).failure).toMatchObject({
    error_type: "CredentialsValidationError",
    message: "Invalid API key",
  });

  client.hangUp();
  expect(await daemon.api.facts("tests/fake")).toHaveProperty("pid");
  expect((await daemon.listed())["tests/fake"]).toMatchObject({ runtime_type: "local" });
});

test("a call whose client leaves is cancelled", async () => {
  const declaration = { ...manifestMessage({ name: "plain" }).data, tool: toolMessage().data[0] };
  const { client } = await connected({ declaration });
  const leave = new AbortController();
  const response = daemon.api.open("tests/plain", {}, { signal: leave.signal }).catch(() => undefined);
  const { request_id } = (await client.next()) as Record<string, unknown>;
  leave.abort();
  await response;
  expect(await client.next()).toEqual({ type: "cancel", request_id });
  client.hangUp();
});

test("a client that comes back with its session id answers the calls that have waited", async () => {
  const declaration = { ...manifestMessage({ name: "resumed" }).data, tool: toolMessage().data[0] };
  const { client, sessionId } = await connected({ declaration });
  const before = (await daemon.listed())["tests/resumed"];
  client.hangUp();
  await until("the connection is gone", async () =>
    (await (await daemon.api.request("/metrics/")).text()).includes("plugin_debug_connections 0"),
  );
  const waiting = daemon.api.call("tests/resumed", {});
  const { client: again, sessionId: same } = await connected({ session_id: sessionId });
  expect(same).toBe(sessionId);
  const { request_id } = (await again.next()) as Record<string, unknown>;
  again.send({ type: "response", request_id, status: "success", data: { type: "text", content: "back" } });
  expect((await waiting).items).toMatchObject([{ message: { text: "back" } }]);
  expect((await daemon.listed())["tests/resumed"]).toEqual(before as never);
  again.hangUp();
});
