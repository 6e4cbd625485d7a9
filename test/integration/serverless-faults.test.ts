import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { startStandInConnector, type StandInConnector } from "../support/stand-in-connector.ts";
import {
  type FunctionCall,
  sessionLine,
  startTestFunction,
  streamed,
  type TestFunction,
  textItem,
  tool,
} from "../support/test-function.ts";

/* What a function can do wrong, and what its caller is told (contract/plugin-wire 3.3, 3.4). */

setDefaultTimeout(30_000);

const LIMITS = {
  MAX_SERVERLESS_RETRY_TIMES: "2",
  MAX_SERVERLESS_REQUEST_BYTES: "20000",
  PLUGIN_RUNTIME_MAX_BUFFER_SIZE: "65536",
  PLUGIN_MAX_EXECUTION_TIMEOUT: "2",
};
let connector: StandInConnector;
let fn: TestFunction;
let daemon: LocalDaemon;
let pluginId: string;
let identifier: string;

beforeAll(async () => {
  fn = startTestFunction();
  connector = startStandInConnector({ launch: () => fn.url });
  daemon = await startTestDaemon({
    env: { ...connector.env, ...LIMITS, PLUGD_SERVERLESS_SIGNATURE_SECRET: "s3cret", PLATFORM: "serverless" },
  });
  ({ pluginId, identifier } = await daemon.api.install({ name: "faulty" }));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await fn[Symbol.asyncDispose]();
});

async function failureOf(answer: TestFunction["answer"]) {
  fn.answer = answer;
  fn.calls.length = 0;
  const { failure, items, status } = await daemon.api.call(pluginId, { mode: "x" });
  return { failure, items, status };
}
const inner = (message: unknown) => ({ error_type: "PluginDaemonInnerError", message, args: null });
const runtime = (type: string, args: object) => ({
  error_type: "PluginRuntimeError",
  message: `Plugin runtime request failed: ${type}`,
  args,
});
const lambda = JSON.stringify({
  errorType: "Runtime.ExitError",
  errorMessage: "RequestId: r Error: exit status 1",
  requestId: "r-1",
});

describe("a function that answers", () => {
  test.each<[string, TestFunction["answer"], object]>([
    ["400", () => new Response("bad", { status: 400 }), runtime("Bad Request", { status_code: 400 })],
    ["401", () => new Response("", { status: 401 }), runtime("Unauthorized", { status_code: 401 })],
    ["413", () => new Response("", { status: 413 }), runtime("Payload Too Large", { status_code: 413 })],
    ["429", () => new Response("", { status: 429 }), runtime("Too Many Requests", { status_code: 429 })],
    [
      "500 with the report of Lambda",
      () => new Response(lambda, { status: 500 }),
      runtime("Runtime.ExitError: RequestId: r Error: exit status 1", {
        status_code: 500,
        request_id: "r-1",
      }),
    ],
    ["503", () => new Response("", { status: 503 }), runtime("Service Unavailable", { status_code: 503 })],
    ["504", () => new Response("", { status: 504 }), runtime("Gateway Timeout", { status_code: 504 })],
    [
      "200 with the header of an error, whose id wins",
      () => new Response(lambda, { headers: { "x-amzn-ErrorType": "Unhandled", "x-amzn-RequestId": "r-2" } }),
      runtime("Unhandled: RequestId: r Error: exit status 1", { status_code: 200, request_id: "r-2" }),
    ],
    [
      "200 with the report of Lambda as a line",
      () => new Response(`${lambda}\n`),
      runtime("Runtime.ExitError: RequestId: r Error: exit status 1", {
        status_code: 200,
        request_id: "r-1",
      }),
    ],
    ["HTML", () => new Response("<h1>hi</h1>"), inner("encountered an error: <h1>hi</h1>")],
    [
      "an error event",
      ({ sessionId }) =>
        new Response(`${JSON.stringify({ event: "error", session_id: sessionId, data: "boom" })}\n`),
      inner("encountered an error: boom"),
    ],
    ["nothing", () => new Response(""), runtime("no valid session response", { status_code: 200 })],
    [
      "a session message without data",
      ({ sessionId }) =>
        new Response(
          `${JSON.stringify({ event: "session", session_id: sessionId, data: { type: "stream" } })}\n`,
        ),
      inner(expect.stringMatching(/^failed to parse session message \{.*\}, err: /)),
    ],
    [
      "a call back in its answer",
      ({ sessionId }) => new Response(sessionLine(sessionId, "invoke", { type: "storage" })),
      {
        error_type: "serverless_event_not_supported",
        message: "serverless event is not supported by full duplex",
      },
    ],
    [
      "a redirect to another host",
      () => new Response("", { status: 307, headers: { location: "http://127.0.0.2:1/invoke" } }),
      inner(expect.stringContaining('redirects (307) to "127.0.0.2:1", which is not followed')),
    ],
    [
      "a line above the limit",
      ({ sessionId }) => new Response(textItem(sessionId, "x".repeat(70_000))),
      inner(expect.stringContaining("limit of 65536 bytes")),
    ],
  ])("%s", async (_, answer, expected) => {
    const { failure, items } = await failureOf(answer);
    expect(failure).toEqual(expected as never);
    expect(items).toEqual([]);
    // Nothing but a transport error and a 502 is tried again.
    expect(fn.calls).toHaveLength(1);
  });

  test("502 is asked again, and gives up with the last failure", async () => {
    const { failure } = await failureOf(() => new Response("", { status: 502 }));
    expect(failure).toEqual(
      inner(
        "Error sending request to serverless: all 2 attempts failed, last error: attempt 2/2 failed with status code: 502",
      ) as never,
    );
    expect(fn.calls).toHaveLength(2);
  });

  test("502 and then well is a success", async () => {
    let first = true;
    const { failure, items } = await failureOf((call) => {
      if (!first) return tool("second")(call);
      first = false;
      return new Response("", { status: 502 });
    });
    expect(failure).toBeUndefined();
    expect(items).toMatchObject([{ message: { text: "second" } }]);
  });

  test("a redirect to itself is followed", async () => {
    const { failure, items } = await failureOf((call) =>
      call.path.includes("again")
        ? tool("there")(call)
        : new Response("", { status: 307, headers: { location: "/invoke?again=1" } }),
    );
    expect(failure).toBeUndefined();
    expect(items).toHaveLength(1);
  });

  test("no end, but items before the end of its body, has ended well", async () => {
    const { failure, items } = await failureOf(({ sessionId }) => new Response(textItem(sessionId, "a")));
    expect(failure).toBeUndefined();
    expect(items).toHaveLength(1);
  });

  test("another session's id is believed to mean this one, and what follows the end is nobody's", async () => {
    const { failure, items } = await failureOf(
      () => new Response(textItem("other", "a") + sessionLine("other", "end", {}) + textItem("other", "b")),
    );
    expect(failure).toBeUndefined();
    expect(items).toHaveLength(1);
  });

  test("in the middle of a line no more", async () => {
    const { failure, items } = await failureOf(({ sessionId }) =>
      streamed([textItem(sessionId, "a"), '{"event":"session","session_id":"']),
    );
    expect(items).toHaveLength(1);
    expect(failure).toEqual(inner('encountered an error: {"event":"session","session_id":"') as never);
  });

  test("nothing at all is ended by the limit of the call, and is hung up on", async () => {
    let left: Promise<void> | undefined;
    const { failure } = await failureOf((call) => {
      ({ left } = call);
      return new Promise(() => undefined);
    });
    expect(failure).toMatchObject({ message: "killed by timeout" });
    await left;
  });
});

test("a function that is not there is asked as often as it may be", async () => {
  const gone = startTestFunction();
  await gone[Symbol.asyncDispose]();
  await switchTo(gone.url);
  const { failure } = await daemon.api.call(pluginId, { mode: "x" });
  await switchTo(fn.url);
  expect(failure).toEqual(
    inner(
      expect.stringMatching(
        /^Error sending request to serverless: all 2 attempts failed, last error: attempt 2\/2 failed: /,
      ),
    ) as never,
  );
});

test("a function whose connection breaks in the middle of its answer tells so", async () => {
  await using cutter = await startCutter();
  await switchTo(cutter.url);
  const response = await daemon.api.open(pluginId, { mode: "x" });
  const [first, rest] = await readInTwo(response, () => cutter.cut());
  await switchTo(fn.url);
  expect(first).toContain('"text":"a"');
  expect(rest).toContain("failed to read response body: ");
  expect(rest).toContain("PluginDaemonInnerError");
});

test("a request above the limit is not sent", async () => {
  fn.calls.length = 0;
  const { failure } = await daemon.api.call(pluginId, { mode: "x", big: "x".repeat(20_000) });
  expect(failure).toEqual(
    inner(
      expect.stringMatching(
        /^ServerlessPayloadTooLarge: action=invoke_tool payload_bytes=20\d{3} max_request_bytes=20000$/,
      ),
    ) as never,
  );
  expect(fn.calls).toEqual([]);
});

test("a request has the session, the action and the signature of its very body", async () => {
  await failureOf(tool("a"));
  const [call] = fn.calls as [FunctionCall];
  expect(call.path).toBe("/invoke?action=invoke_tool");
  expect(call.request.headers.get("accept")).toBe("text/event-stream");
  expect(JSON.parse(call.body)).toMatchObject({ event: "request", session_id: call.sessionId });
  expect(call.body.endsWith("}")).toBe(true);
  expect(call.request.headers.get("x-dify-plugin-session")).toBe(call.sessionId);
  expect(call.request.headers.get("x-dify-plugin-signature")).toBe(
    new Bun.CryptoHasher("sha256", "s3cret").update(call.body).digest("hex"),
  );
});

test("a client that leaves is told to the function, before its head and after", async () => {
  for (const answer of [
    () => new Promise<Response>(() => undefined),
    ({ sessionId }: FunctionCall) => streamed([textItem(sessionId, "a")], { open: true }),
  ]) {
    fn.calls.length = 0;
    fn.answer = answer;
    const leave = new AbortController();
    const opened = daemon.api.open(pluginId, { mode: "x" }, { signal: leave.signal });
    opened.catch(() => undefined);
    await until("the function is called", async () => fn.calls.length === 1);
    leave.abort();
    await fn.calls[0]?.left;
  }
  await until("no call is open", async () => (await daemon.api.health()).busy === 0);
});

test("metrics tell of failed attempts by their type", async () => {
  const text = await (await daemon.api.request("/metrics/")).text();
  const label = `plugin_id="${pluginId}"`;
  expect(text).toContain(
    `plugin_serverless_runtime_failures_total{${label},type="rate_limit",status="429"} 1`,
  );
  expect(text).toMatch(
    new RegExp(`plugin_serverless_runtime_failures_total\\{${label},type="transport",status="0"\\} \\d`),
  );
  expect(text).toContain('runtime_type="serverless"');
});

async function switchTo(url: string): Promise<void> {
  const response = await daemon.api.request("/admin/plugin/serverless/switch-endpoint", {
    method: "POST",
    headers: { "content-type": "application/json", "x-admin-api-key": "the admin's key" },
    body: JSON.stringify({ plugin_unique_identifier: identifier, function_name: "fn-2", function_url: url }),
  });
  expect(await response.json()).toEqual({ code: 0, message: "success", data: true });
}

/** The first piece of a body, then what comes after `meanwhile`. */
async function readInTwo(response: Response, meanwhile: () => void): Promise<readonly [string, string]> {
  const decoder = new TextDecoder();
  let first: string | undefined;
  let rest = "";
  for await (const chunk of response.body ?? []) {
    if (first === undefined) {
      first = decoder.decode(chunk);
      meanwhile();
    } else rest += decoder.decode(chunk);
  }
  return [first ?? "", rest];
}

/** Sends a head and one item in chunks, and breaks the connection when it is told to. */
async function startCutter(): Promise<AsyncDisposable & { readonly url: string; cut(): void }> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => {
      const item = textItem("s", "a");
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${Buffer.byteLength(item).toString(16)}\r\n${item}\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    cut() {
      for (const socket of open) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
