/** What a plain client does wrong on a connection to a real daemon: it costs its own calls at most, and never the next one. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  connectDebug,
  type DebugClient,
  debugKey,
  manifestMessage,
  toolMessage,
} from "../support/debug-client.ts";
import { type DebugDaemon, startDebugDaemon } from "../support/debug-daemon.ts";

setDefaultTimeout(60_000);

const MAX_LINE_BYTES = 4_000_000;
const PLUGIN = "tests/faulty";

let daemon: DebugDaemon;
let client: DebugClient;
beforeAll(async () => {
  daemon = await startDebugDaemon({ env: { PLUGIN_RUNTIME_MAX_BUFFER_SIZE: String(MAX_LINE_BYTES) } });
  client = await connectDebug(daemon.debugPort);
  const declaration = { ...manifestMessage({ name: "faulty" }).data, tool: toolMessage().data[0] };
  client.send({ type: "auth", api_key: await debugKey(daemon.api), declaration });
  expect(await client.next()).toMatchObject({ type: "auth_success" });
});
afterAll(async () => {
  client.hangUp();
  await daemon[Symbol.asyncDispose]();
});

/** The id of the next call; heartbeats before it are answered. */
async function nextId(): Promise<string> {
  for (;;) {
    const message = (await client.next()) as Readonly<Record<string, string>>;
    if (message["type"] === "heartbeat") client.send({ type: "heartbeat_ack" });
    else if (message["type"] === "invoke") return message["request_id"] ?? "";
  }
}

async function call() {
  const answer = daemon.api.call(PLUGIN, {});
  return { answer, request_id: await nextId() };
}

/** The connection is as good as before. */
async function expectFine(): Promise<void> {
  const { answer, request_id } = await call();
  client.send({ type: "response", request_id, status: "success", data: { content: "fine" } });
  expect(texts(await answer)).toEqual({ texts: ["fine"], failure: undefined });
}

function texts({ items, failure }: Awaited<ReturnType<DebugDaemon["api"]["call"]>>) {
  return { texts: (items as { message: { text: string } }[]).map(({ message }) => message.text), failure };
}

const broken = (why: string) => ({
  error_type: "PluginProtocolError",
  message: `Cannot follow the plugin: ${why}`,
});
const chunk = (content: string, request_id?: string) => ({
  type: "stream_chunk",
  request_id,
  data: { content },
});

test("a chunk without ids while two streams are open ends both", async () => {
  const [one, two] = [await call(), await call()];
  client.send(
    { type: "stream_start", request_id: one.request_id },
    { type: "stream_start", request_id: two.request_id },
    chunk("first", one.request_id),
    chunk("whose?"),
    chunk("late", two.request_id),
  );
  const failure = broken("a stream_chunk without ids came while 2 streams were open");
  expect(texts(await one.answer)).toMatchObject({ texts: ["first"], failure });
  expect(texts(await two.answer)).toMatchObject({ texts: [], failure });
  for (const { request_id } of [one, two]) client.send({ type: "stream_end", request_id });
  await expectFine();
});

test.each<readonly [string, (request_id: string) => readonly object[]]>([
  ["stream_end twice", (request_id) => [1, 2].map(() => ({ type: "stream_end", request_id }))],
  [
    "a response after the end",
    (request_id) => [
      { type: "stream_end", request_id },
      { type: "response", request_id, status: "success", data: { content: "late" } },
      { type: "response", request_id, status: "error", error: { type: "Late", message: "late" } },
    ],
  ],
  [
    "a chunk after the end",
    (request_id) => [{ type: "stream_end", request_id }, chunk("late", request_id), chunk("late")],
  ],
])("%s counts once", async (_, end) => {
  const { answer, request_id } = await call();
  client.send({ type: "stream_start", request_id }, chunk("x", request_id), ...end(request_id));
  expect(texts(await answer)).toEqual({ texts: ["x"], failure: undefined });
  await expectFine();
});

test.each<readonly [string, readonly (string | object)[]]>([
  ["what is no object", ["[1]", "3", "null", "true", '"text"', "{", "print", ""]],
  ["a type that nobody knows, in nobody's name", [{ type: "party" }, { type: 7 }, {}]],
  ["ids of no call", [chunk("x", "nobody"), { type: "stream_end", request_id: "nobody" }]],
])("%s is output, and harms no call", async (_, lines) => {
  const { answer, request_id } = await call();
  client.send(...lines, { type: "response", request_id, status: "success", data: { content: "x" } });
  expect(texts(await answer)).toEqual({ texts: ["x"], failure: undefined });
  await expectFine();
});

const DEEP = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;

test.each<readonly [string, (request_id: string) => object | string, object]>([
  [
    "a type that nobody knows",
    (request_id) => ({ type: "party", request_id }),
    broken('unknown message type "party"'),
  ],
  [
    "data that nests deep",
    (id) => `{"type":"stream_chunk","request_id":"${id}","data":{"type":"json","content":${DEEP}}}`,
    broken("a line is no JSON, or nests deeper than 10000 levels"),
  ],
  [
    "a chunk without data",
    (request_id) => ({ type: "stream_chunk", request_id }),
    broken('a stream_chunk needs "data"'),
  ],
  [
    "a line above the limit",
    (request_id) => chunk("x".repeat(MAX_LINE_BYTES), request_id),
    { error_type: "PluginMessageTooLargeError" },
  ],
])("%s in the name of a call ends it, and no other", async (_, line, failure) => {
  const [one, other] = [await call(), await call()];
  client.send(line(one.request_id));
  expect(texts(await one.answer)).toMatchObject({ texts: [], failure });
  const { request_id } = other;
  client.send({ type: "response", request_id, status: "success", data: { content: "x" } });
  expect(texts(await other.answer)).toEqual({ texts: ["x"], failure: undefined });
  await expectFine();
});
