import { describe, expect, test } from "bun:test";
import type { FunctionUsage } from "../../../src/protocol/invocation.ts";
import type { DaemonMessage, PluginEvent } from "../../../src/protocol/messages.ts";
import { createPlainCodec } from "../../../src/protocol/plain/codec.ts";
import { createSriAnswer, sriBody } from "../../../src/protocol/serverless/sri.ts";
import { sriEnd, sriFailure, sriSuccess } from "../../../src/protocol/serverless/sri-text.ts";

/* The article's bodies, byte for byte but for the white space of its examples (seed article 5.3, 5.4). */

type Request = Extract<DaemonMessage, { kind: "request" }>;

const SEARCH: Request = {
  kind: "request",
  sessionId: "session-id",
  session: { conversationId: null, messageId: null, appId: "app-456", endpointId: null, context: null },
  data: {
    user_id: "user-123",
    type: "tool",
    action: "invoke_tool",
    tool: "google_search",
    tool_parameters: { query: "Dify AI" },
    credentials: { api_key: "..." },
  },
};
const llm: Request = {
  ...SEARCH,
  data: { user_id: "u", type: "model", action: "invoke_llm", model_type: "llm", model: "m" },
};

function body(request: Request): string {
  return sriBody(createPlainCodec({ heartbeat: false }).encode(request) ?? "", request);
}

describe("sriBody()", () => {
  test("is the article's request", () => {
    expect(body(SEARCH)).toBe(
      '{"action":"invoke","plugin_type":"tool","tool_name":"google_search","parameters":{"query":"Dify AI"},' +
        '"credentials":{"api_key":"..."},"context":{"user_id":"user-123","app_id":"app-456"}}',
    );
  });

  test("keeps digits, and says who calls also where there is no app", () => {
    const exact = {
      ...SEARCH,
      session: { ...SEARCH.session, appId: null },
      data: {
        ...SEARCH.data,
        tool_parameters: { n: JSON.rawJSON("1.0"), big: JSON.rawJSON("9007199254740993") },
      },
    };
    expect(body(exact)).toContain('"parameters":{"n":1.0,"big":9007199254740993}');
    expect(body(exact)).toEndWith('"context":{"user_id":"user-123"}}');
    expect(body({ ...exact, data: { ...exact.data, user_id: "" } })).toEndWith('"context":{}}');
  });
});

function answer(request: Request, status = 200) {
  const codec = createPlainCodec({ heartbeat: false });
  codec.encode(request);
  const usages: FunctionUsage[] = [];
  const sri = createSriAnswer({
    codec,
    sessionId: request.sessionId,
    status,
    onUsage: (usage) => usages.push(usage),
  });
  return { ...sri, usages };
}

const text = (content: string) => ({ type: "text", message: { text: content }, meta: null });
const items = (events: readonly PluginEvent[]) =>
  events.flatMap((event) => (event.kind === "item" ? [event.value] : []));
const kinds = (events: readonly PluginEvent[]) => events.map(({ kind }) => kind);
const errorOf = (events: readonly PluginEvent[]) =>
  events.flatMap((event) => (event.kind === "error" ? [event.error] : []));

describe("a unary answer", () => {
  const SUCCESS = `{
"status": "success",
"data": {
"type": "text",
"content": "Search results..."
},
"usage": {
"execution_time_ms": 1500,
"memory_used_mb": 128
}
}`;

  test("of the article is an item and the end, and its usage is told", () => {
    const { unary, usages } = answer(SEARCH);
    const events = unary(SUCCESS);
    expect(kinds(events)).toEqual(["item", "end"]);
    expect(items(events)).toEqual([text("Search results...")]);
    expect(usages).toEqual([{ executionMs: 1500, memoryMb: 128 }]);
  });

  test("in the wrapping of a Lambda proxy is the same", () => {
    const wrapped = JSON.stringify({ statusCode: 200, headers: {}, body: SUCCESS });
    expect(items(answer(SEARCH).unary(wrapped))).toEqual([text("Search results...")]);
  });

  test.each<[string, number, string, object]>([
    [
      "400 of the article",
      400,
      '{"error": "Unknown action"}',
      { error_type: "PluginError", message: "Unknown action", args: { status_code: 400 } },
    ],
    [
      "500 in the wrapping of a Lambda proxy",
      200,
      JSON.stringify({ statusCode: 500, body: JSON.stringify({ error: "boom" }) }),
      { error_type: "PluginError", message: "boom", args: { status_code: 500 } },
    ],
    [
      "an error object",
      200,
      '{"status":"error","error":{"type":"CredentialsValidationError","message":"Invalid API key","code":"INVALID_CREDENTIALS"}}',
      {
        error_type: "CredentialsValidationError",
        message: "Invalid API key",
        args: { code: "INVALID_CREDENTIALS" },
      },
    ],
    [
      "Lambda's own report",
      500,
      '{"errorType":"Unhandled","errorMessage":"m","requestId":"r"}',
      {
        error_type: "PluginRuntimeError",
        message: "Plugin runtime request failed: Unhandled: m",
        args: { status_code: 500, request_id: "r" },
      },
    ],
    [
      "HTML of a gateway",
      504,
      "<html>",
      {
        error_type: "PluginRuntimeError",
        message: "Plugin runtime request failed: status 504",
        args: { status_code: 504 },
      },
    ],
    [
      "HTML that claims to be well",
      200,
      "<html>",
      { error_type: "PluginDaemonInnerError", message: "encountered an error: <html>", args: null },
    ],
  ])("%s is an error of the plugin", (_, status, given, error) => {
    expect(errorOf(answer(SEARCH, status).unary(given)) as object[]).toEqual([error]);
  });

  test("may have data over several lines, and whatever keys", () => {
    const pretty = '{\n"type": "mine",\n"status": "success",\n"data": {"content": "a\u2028b"}\n}';
    expect(items(answer(SEARCH).unary(pretty))).toEqual([text("a\u2028b")]);
  });
});

describe("a streamed answer", () => {
  test("of the article is its chunks in order, and the usage of the end", () => {
    const { event } = answer(llm);
    const events = [
      ...event("start", '{"session_id": "..."}'),
      ...event("chunk", '{"content": "Hello"}'),
      ...event("chunk", '{"content": " World"}'),
      ...event("end", '{"total_tokens": 100}'),
    ];
    expect(kinds(events)).toEqual(["item", "item", "item", "end"]);
    expect(items(events)).toMatchObject([
      { delta: { index: 0, message: { content: "Hello" } } },
      { delta: { index: 1, message: { content: " World" } } },
      { delta: { index: 2, finish_reason: "stop", usage: { total_tokens: 100 } } },
    ]);
  });

  test("may end with an error, in both spellings, or without any data", () => {
    expect(
      errorOf(answer(SEARCH).event("error", '{"error":{"type":"RateLimitError","message":"slow down"}}')),
    ).toEqual([{ error_type: "RateLimitError", message: "slow down", args: {} }]);
    expect(errorOf(answer(SEARCH).event("error", '{"type":"TimeoutError","message":"late"}'))).toEqual([
      { error_type: "TimeoutError", message: "late", args: {} },
    ]);
    expect(errorOf(answer(SEARCH).event("error", "boom"))).toEqual([
      { error_type: "PluginError", message: "boom", args: {} },
    ]);
    expect(kinds(answer(SEARCH).event("end", ""))).toEqual(["end"]);
  });

  test("that breaks off, or is no JSON, is an error", () => {
    const { event, finish } = answer(SEARCH);
    event("chunk", '{"content":"a"}');
    expect(errorOf([finish()])[0]?.message).toContain("broke off before its end");
    expect(errorOf(answer(SEARCH).event("chunk", "{"))[0]?.message).toBe("encountered an error: {");
    expect(answer(SEARCH).event("progress", "{}")).toEqual([]);
  });
});

const USED = { execution_time_ms: 1500, memory_used_mb: 128 };

test.each([
  ["sriSuccess()", sriSuccess('{"n":1.0}', USED), "item end"],
  ["sriFailure()", sriFailure('{"type":"T","message":"m"}', USED), "error"],
])("what %s writes is what createSriAnswer() reads, and costs", (_, written, expected) => {
  const sri = answer(SEARCH);
  expect(kinds(sri.unary(written)).join(" ")).toBe(expected);
  expect(sri.usages).toEqual([{ executionMs: 1500, memoryMb: 128 }]);
});

test.each([
  ["{}", '{"usage":'],
  ['{"total_tokens":7}', '{"total_tokens":7,"usage":'],
  ["[1]", '{"data":[1],"usage":'],
])("sriEnd() of %s is an object with the usage last", (data, head) => {
  const written = sriEnd(data, USED);
  expect(written).toBe(`${head}${JSON.stringify(USED)}}`);
  const sri = answer(SEARCH);
  expect(kinds(sri.event("end", written))).toEqual(["end"]);
  expect(sri.usages).toEqual([{ executionMs: 1500, memoryMb: 128 }]);
});
