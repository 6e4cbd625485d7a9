import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { startTestConnector } from "../support/connector.ts";
import { bodyOf, plainFunctionPackage, post } from "../support/plain-function-package.ts";
import { findSdkTools, renamed, sdkPackage } from "../support/sdk-daemon.ts";

/* Where the SDK calls back from a function (contract/plugin-wire 3.5). */

setDefaultTimeout(180_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

const TOOL = `from dify_plugin import Tool

class Say(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("before")
        yield self.create_text_message(self.session.storage.get("k").decode())
`;

interface CallBack {
  readonly session_id: string;
  readonly data: { readonly type: string; readonly data: { readonly backwards_request_id: string } };
}

/** Answers every call back as a daemon does: complete messages, each followed by an empty line. */
function standInDaemon() {
  const paths: string[] = [];
  const bodies: unknown[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      paths.push(new URL(request.url).pathname);
      const body: unknown = await request.json();
      bodies.push(body);
      const { session_id, data } = body as CallBack;
      const { backwards_request_id } = data.data;
      const events = [
        {
          backwards_request_id,
          event: "response",
          message: "struct",
          data: { data: Buffer.from("stored").toString("hex") },
        },
        { backwards_request_id, event: "end", message: "", data: null },
      ];
      const text = events.map((event) =>
        JSON.stringify({ session_id, event: "backwards_response", data: event }),
      );
      return new Response(`${text.join("\n\n")}\n\n`, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, paths, bodies, close: () => server.stop(true) };
}

describe.skipIf(why !== "")(`a function of the SDK${why}`, () => {
  test.each([
    ["the setting", ""],
    ["its launch", "/of/this/function"],
  ])("calls back where %s says", async (_, path) => {
    const daemon = standInDaemon();
    try {
      await using connector = await startTestConnector({ env: { PLUGD_CONNECTOR_DAEMON_URL: daemon.url } });
      const { endpoint } = await connector.launched(
        sdkPackage("kitchen-tools", { ...renamed("kitchen-tools", "calling"), "tools/say.py": TOOL }),
        path === "" ? {} : { metadata: { daemon_url: `${daemon.url}${path}` } },
      );
      const text = await (await connector.call(endpoint, {}, { sessionId: "s1" })).text();
      expect(text).toContain('"text":"stored"');
      expect(text).not.toContain('"type":"invoke"');
      expect(daemon.paths).toEqual([`${path}/backwards-invocation/transaction`]);
    } finally {
      await daemon.close();
    }
  });
});

test("a plain program calls back in its own words, and is answered in them", async () => {
  const daemon = standInDaemon();
  try {
    await using connector = await startTestConnector({
      alone: true,
      env: { PLUGD_CONNECTOR_DAEMON_URL: daemon.url },
    });
    const { endpoint } = await connector.launched(await plainFunctionPackage());
    const answer = await post(endpoint, bodyOf({ mode: "call back" }));
    const { data } = (await answer.json()) as { data: { answers: string[] } };
    expect(data.answers.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        type: "backwards_response",
        request_id: "b1",
        status: "success",
        data: { value: "stored" },
        done: true,
      },
    ]);
    expect(daemon.bodies).toEqual([
      {
        event: "session",
        session_id: "session-id",
        data: {
          type: "invoke",
          data: { type: "storage", backwards_request_id: "b1", request: { key: "k", opt: "get" } },
        },
      },
    ]);
  } finally {
    await daemon.close();
  }
});

test("a plain program whose call back cannot be made is told why", async () => {
  const gone = standInDaemon();
  await gone.close();
  await using connector = await startTestConnector({
    alone: true,
    env: { PLUGD_CONNECTOR_DAEMON_URL: gone.url },
  });
  const { endpoint } = await connector.launched(await plainFunctionPackage());
  const answer = await post(endpoint, bodyOf({ mode: "call back" }));
  const { data } = (await answer.json()) as { data: { answers: string[] } };
  expect(data.answers.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      type: "backwards_response",
      request_id: "b1",
      status: "error",
      error: { type: "BackwardsInvocationError", message: expect.stringContaining("Unable to connect") },
      done: true,
    },
  ]);
});
