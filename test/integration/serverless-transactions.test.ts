import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { constants, gunzipSync } from "node:zlib";
import { acceptsGzip, frameEncodingFor } from "../../src/http/frame-encoding.ts";
import { openTransactionStream } from "../../src/http/transaction-stream.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector, type StandInConnector } from "../support/stand-in-connector.ts";
import {
  type FunctionCall,
  sessionLine,
  startTestFunction,
  type TestFunction,
  tool,
} from "../support/test-function.ts";
import { framed, installCalling, silent, standInPlatform } from "./backwards-support.ts";

/* Calls back of functions over HTTP (contract/plugin-wire 3.5). */

setDefaultTimeout(30_000);

const PATH = "/backwards-invocation/transaction";
const platform = standInPlatform(({ body }) => {
  if (body["model"] === "mute") return silent();
  return framed([{ text: "one" }, { text: "two" }]);
});
let connector: StandInConnector;
let fn: TestFunction;
let daemon: LocalDaemon;
/** Two plugins, each with what its function was told to call back at. */
let own: { readonly pluginId: string; readonly url: string };
let other: { readonly pluginId: string; readonly url: string };

beforeAll(async () => {
  fn = startTestFunction();
  connector = startStandInConnector({ launch: () => fn.url });
  daemon = await startTestDaemon({
    env: {
      ...connector.env,
      ...platform.env,
      PLUGD_RUNTIME: "serverless",
      MAX_SERVERLESS_TRANSACTION_TIMEOUT: "2",
    },
  });
  const install = async (name: string) => {
    const pluginId = await installCalling(daemon, { name });
    return { pluginId, url: connector.launches.at(-1)?.metadata.daemon_url ?? "" };
  };
  own = await install("own");
  other = await install("other");
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await fn[Symbol.asyncDispose]();
  platform[Symbol.dispose]();
});

const invocation = (request: object, type = "storage") => ({ type, backwards_request_id: "b1", request });
const GET = invocation({ opt: "get", key: "k" });
const transaction = (sessionId: string, data: unknown = GET) => sessionLine(sessionId, "invoke", data);

function callBack(url: string, body: string, signal?: AbortSignal): Promise<Response> {
  return fetch(url + PATH, { method: "POST", body, ...(signal && { signal }) });
}

/** What the function makes of its session while it is open; the call itself is answered after that. */
async function during<T>(work: (call: FunctionCall) => Promise<T>): Promise<T> {
  const done = Promise.withResolvers<T>();
  fn.answer = async (call) => {
    await work(call).then(done.resolve, done.reject);
    return tool("done")(call);
  };
  const { failure } = await daemon.api.call(own.pluginId, { mode: "x" });
  expect(failure).toBeUndefined();
  return done.promise;
}

const read = async (response: Response) => ({ status: response.status, text: await response.text() });
const notFound = (sessionId: string) => ({
  status: 400,
  text: JSON.stringify({
    backwards_request_id: "b1",
    event: "error",
    message: "failed to get session info from cache",
    data: { error_type: "SessionNotFound", detail: "session not found", session_id: sessionId },
  }),
});

test("the answer is messages on bare lines, each with an empty one behind it, and ends by itself", async () => {
  const set = invocation({ opt: "set", key: "k", value: Buffer.from("a\u2028é").toString("hex") });
  const { sessionId, answer, head } = await during(async (call) => {
    const response = await callBack(own.url, transaction(call.sessionId, set));
    const answered = await response.text();
    return { sessionId: call.sessionId, answer: answered, head: response.headers.get("content-type") };
  });
  expect(head).toBe("text/event-stream");
  const message = (data: object) =>
    `{"session_id":"${sessionId}","conversation_id":null,"message_id":null,"app_id":null,"endpoint_id":null,` +
    `"context":null,"event":"backwards_response","data":${JSON.stringify(data)}}\n\n`;
  expect(answer).toBe(
    message({ backwards_request_id: "b1", event: "response", message: "struct", data: { data: "ok" } }) +
      message({ backwards_request_id: "b1", event: "end", message: "", data: null }),
  );
});

test("the answer is compressed where the function reads that, and every message can be read as it comes", async () => {
  const response = Promise.withResolvers<{ readonly encoding: string | null; readonly text: string }>();
  const plain = await during(async (call) => {
    const body = transaction(call.sessionId);
    const ask = (accept: string, decompress: boolean) =>
      fetch(own.url + PATH, { method: "POST", body, headers: { "accept-encoding": accept }, decompress });
    const packed = await ask("gzip, deflate", false);
    const bytes = await packed.bytes();
    response.resolve({
      encoding: packed.headers.get("content-encoding"),
      text: gunzipSync(bytes).toString(),
    });
    const refused = await ask("gzip;q=0", false);
    return { encoding: refused.headers.get("content-encoding"), text: await refused.text() };
  });
  expect(plain.encoding).toBeNull();
  expect(plain.text).toContain('"event":"end"');
  const { encoding, text } = await response.promise;
  expect(encoding).toBe("gzip");
  expect(text.replace(/"session_id":"[^"]*"/g, "")).toBe(plain.text.replace(/"session_id":"[^"]*"/g, ""));
});

test("frameEncodingFor() yields each frame whole, in one stream that any reader decodes", async () => {
  const encoding = frameEncodingFor(
    new Request("http://localhost/", { headers: { "accept-encoding": "gzip" } }),
  );
  const first = await encoding.encode("one\n\n");
  expect(gunzipSync(first, { finishFlush: constants.Z_SYNC_FLUSH }).toString()).toBe("one\n\n");
  const large = "x".repeat(300_000);
  const pieces = [first, await encoding.encode(large), await encoding.end()].map((piece) =>
    Buffer.from(piece),
  );
  expect(gunzipSync(Buffer.concat(pieces)).toString()).toBe(`one\n\n${large}`);
  encoding.close();
  encoding.close();
});

test.each([
  ["gzip, deflate", true],
  ["br;q=1.0, GZIP;q=0.5", true],
  ["x-gzip", true],
  ["gzip;q=0", false],
  ["gzip; q=0.0", false],
  ["identity, br", false],
  ["", false],
])("acceptsGzip(%p) is %p", (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});

describe("a session is refused", () => {
  test("that is not known, with whatever secret", async () => {
    expect(await read(await callBack(own.url, transaction("nobody")))).toEqual(notFound("nobody"));
    expect(await read(await callBack(`${daemon.url}/function/guess`, transaction("nobody")))).toEqual(
      notFound("nobody"),
    );
  });

  test("that is another plugin's, and that is right but for the secret", async () => {
    const refused = await during(async ({ sessionId }) => ({
      sessionId,
      answers: [
        await read(await callBack(other.url, transaction(sessionId))),
        await read(await callBack(`${daemon.url}/function/${"0".repeat(64)}`, transaction(sessionId))),
        await read(await callBack(own.url.slice(0, -1), transaction(sessionId))),
      ],
    }));
    expect(refused.answers).toEqual(Array.from({ length: 3 }, () => notFound(refused.sessionId)));
  });

  test("that has ended", async () => {
    const sessionId = await during(async (call) => call.sessionId);
    await until("it is over", async () => (await daemon.api.health()).busy === 0);
    expect(await read(await callBack(own.url, transaction(sessionId)))).toEqual(notFound(sessionId));
  });

  test("in the reference's bare form, unless a setting allows it", async () => {
    const answers = await during(async ({ sessionId }) =>
      read(await callBack(daemon.url, transaction(sessionId))),
    );
    expect(answers.status).toBe(404);
    await using open = await startTestDaemon({
      env: { ...connector.env, PLUGD_RUNTIME: "serverless", PLUGD_OPEN_TRANSACTIONS: "true" },
    });
    const pluginId = await installCalling(open, { name: "open" });
    const done = Promise.withResolvers<{ status: number; text: string }>();
    fn.answer = async (call) => {
      done.resolve(
        await read(
          await callBack(open.url, transaction(call.sessionId, invocation({ opt: "exist", key: "k" }))),
        ),
      );
      return tool("done")(call);
    };
    await open.api.call(pluginId, { mode: "x" });
    expect(await done.promise).toMatchObject({ status: 200, text: expect.stringContaining('"event":"end"') });
  });
});

test.each<[string, (sessionId: string) => string, object]>([
  [
    "a malformed call",
    (id) => transaction(id, { type: 7 }),
    { status: 500, text: "failed to parse request" },
  ],
  ["no JSON", () => "{", { status: 400, text: expect.stringContaining("no JSON") }],
  ["an error event", (id) => JSON.stringify({ event: "error", session_id: id, data: "" }), { status: 400 }],
  ["too large a body", (id) => transaction(id, "x".repeat(6 * 1024 * 1024)), { status: 413 }],
])("%s is answered at once", async (_, body, expected) => {
  const answer = await during(async ({ sessionId }) => read(await callBack(own.url, body(sessionId))));
  expect(answer).toMatchObject(expected);
});

const asking = (model: string) =>
  invocation(
    {
      provider: "p",
      model,
      model_type: "llm",
      model_config: {},
      completion_params: {},
      mode: "chat",
      prompt_messages: [],
      stream: true,
    },
    "llm",
  );

test("a call back that its function leaves is left by the daemon, and the session goes on", async () => {
  const before = platform.asked.length;
  await during(async ({ sessionId }) => {
    const leave = new AbortController();
    const asked = callBack(own.url, transaction(sessionId, asking("mute")), leave.signal);
    asked.then((response) => response.text()).catch(() => undefined);
    await until("the platform is asked", () => platform.asked.length > before);
    leave.abort();
    await until("the daemon has left", () => platform.asked[before]?.left === true);
  });
});

test("a call back ends with its session", async () => {
  const before = platform.asked.length;
  const ended = Promise.withResolvers<string>();
  fn.answer = async ({ sessionId }) => {
    const response = await callBack(own.url, transaction(sessionId, asking("mute")));
    ended.resolve(await response.text().catch(String));
    return new Response("");
  };
  const leave = new AbortController();
  const call = daemon.api.open(own.pluginId, { mode: "x" }, { signal: leave.signal });
  call.catch(() => undefined);
  await until("the platform is asked", () => platform.asked.length > before);
  leave.abort();
  await until("the daemon has left", () => platform.asked[before]?.left === true);
  expect(await ended.promise).not.toContain("end");
});

test("a call back that takes too long just stops", async () => {
  const answer = await during(async ({ sessionId }) =>
    read(await callBack(own.url, transaction(sessionId, asking("mute")))),
  );
  expect(answer).toEqual({ status: 200, text: "" });
});

test("metrics count calls back of functions as those of processes", async () => {
  const text = await (await daemon.api.request("/metrics/")).text();
  expect(text).toMatch(
    new RegExp(
      `plugin_backwards_calls_total\\{plugin_id="${own.pluginId}",type="storage",outcome="success"\\} \\d`,
    ),
  );
});

test("openTransactionStream() gives signs of life while nothing comes", async () => {
  const { answer, respond } = openTransactionStream({
    client: new AbortController().signal,
    timeoutMs: 10_000,
    keepAliveMs: 20,
  });
  await using server = Bun.serve({ port: 0, fetch: () => respond() });
  const response = await fetch(server.url);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk);
    if (text !== "\n\n\n\n") continue;
    await answer.send("{}\n\n");
    answer.close();
  }
  expect(text).toStartWith("\n\n\n\n");
  expect(text).toEndWith("{}\n\n");
});
