import { describe, expect, test } from "bun:test";
import { ACTIONS } from "../../../src/protocol/actions/catalogue.ts";
import { createPlainCodec } from "../../../src/protocol/plain/codec.ts";
import type { PluginEvent } from "../../../src/protocol/messages.ts";

/*
 * Every message of the article, as it is printed there (contract/seed-article 3.3, 3.4, 4.4, 7.1, 7.3). A pretty-printed
 * one is one line on the wire.
 */

const SESSION = "uuid-session-id";
const REQUEST = "uuid-request-id";
const CONTEXT = { conversationId: null, messageId: null, appId: null, endpointId: null, context: null };
const TOOL_CALL = {
  type: "tool",
  action: "invoke_tool",
  tool: "google_search",
  tool_parameters: { query: "Dify AI platform" },
  credentials: { api_key: "encrypted_key" },
};
const LLM_CALL = { type: "model", action: "invoke_llm", model_type: "llm", model: "m" };

function open(data: Readonly<Record<string, unknown>> = TOOL_CALL, sessionId = SESSION, requestId = REQUEST) {
  const codec = createPlainCodec({ createRequestId: () => requestId });
  const line = codec.encode({ kind: "request", sessionId, session: CONTEXT, data });
  return { codec, line };
}

function line(printed: string): string {
  return `${JSON.stringify(JSON.parse(printed))}\n`;
}

/** What a client of the HTTP API gets of these events. */
function httpItems(events: readonly PluginEvent[], action: string): unknown[] {
  const decode = ACTIONS.find((row) => row.action === action)?.createItemDecoder();
  return events.flatMap((event) =>
    event.kind === "item" ? [JSON.parse(decode?.(event.value, event.raw) ?? "null")] : [],
  );
}

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

const ERROR = `{
"status": "error",
"error": {
"type": "CredentialsValidationError",
"message": "Invalid API key",
"code": "INVALID_CREDENTIALS"
}
}`;

describe("the article's messages", () => {
  test("3.3.1: a request is sent as it is printed, keys in their order", () => {
    expect(open().line).toBe(line(INVOKE));
  });

  test("3.3.2: a response is the one message of a tool, and the end", () => {
    const { codec } = open();
    const events = codec.decode(line(RESPONSE));
    expect(httpItems(events, "invoke_tool")).toEqual([
      { type: "text", message: { text: "Search results..." }, meta: null },
    ]);
    expect(events.at(-1)).toEqual({ kind: "end", sessionId: SESSION });
  });

  const STREAM = [
    '{"type": "stream_start", "session_id": "...", "request_id": "..."}',
    '{"type": "stream_chunk", "data": {"content": "Hello"}}',
    '{"type": "stream_chunk", "data": {"content": " World"}}',
    '{"type": "stream_end", "data": {"total_tokens": 100}}',
  ];

  test("3.3.3: a stream of a tool: chunks without ids belong to the one that is open", () => {
    const { codec } = open(TOOL_CALL, "...", "...");
    const events = codec.decode(STREAM.join("\n"));
    expect(httpItems(events, "invoke_tool")).toEqual([
      { type: "text", message: { text: "Hello" }, meta: null },
      { type: "text", message: { text: " World" }, meta: null },
    ]);
    expect(events.at(-1)).toEqual({ kind: "end", sessionId: "..." });
  });

  test("3.3.3: a stream of a model: chunks count from 0, the end brings the usage", () => {
    const { codec } = open(LLM_CALL, "...", "...");
    const items = httpItems(codec.decode(STREAM.join("\n")), "invoke_llm");
    expect(items).toMatchObject([
      {
        model: "m",
        delta: { index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: null },
      },
      { delta: { index: 1, message: { content: " World" }, usage: null } },
      { delta: { index: 2, message: { content: "" }, finish_reason: "stop", usage: { total_tokens: 100 } } },
    ]);
  });

  test("3.4.1: the heartbeat satisfies both readings, the ack is a sign of life", () => {
    const { codec } = open();
    const beat = codec.encode({ kind: "heartbeat" });
    expect(beat).toBe('{"type":"heartbeat","action":"heartbeat"}\n');
    expect(codec.decode('{"type": "heartbeat_ack"}\n')).toEqual([{ kind: "heartbeat" }]);
  });

  test("4.4.1: log, breakpoint and reload", () => {
    const { codec } = open();
    expect(
      codec.decode(
        line(`{
"type": "log",
"level": "debug",
"message": "Processing request...",
"timestamp": "2024-01-01T00:00:00Z"
}`),
      ),
    ).toEqual([
      { kind: "log", level: "debug", message: "Processing request...", timestamp: "2024-01-01T00:00:00Z" },
    ]);
    expect(
      codec.decode(
        line(`{
"type": "breakpoint",
"file": "tools/search.py",
"line": 42,
"variables": {
"query": "test search"
}
}`),
      ),
    ).toEqual([
      {
        kind: "breakpoint",
        sessionId: undefined,
        file: "tools/search.py",
        line: 42,
        variables: { query: "test search" },
      },
    ]);
    expect(
      codec.decode(
        line(`{
"type": "reload",
"status": "success",
"message": "Plugin reloaded successfully"
}`),
      ),
    ).toEqual([{ kind: "reload", status: "success", message: "Plugin reloaded successfully" }]);
  });

  test("7.3: the error without ids ends the one open request; type, message and code reach the caller", () => {
    const { codec } = open();
    expect(codec.decode(line(ERROR))).toEqual([
      {
        kind: "error",
        sessionId: SESSION,
        error: {
          error_type: "CredentialsValidationError",
          message: "Invalid API key",
          args: { code: "INVALID_CREDENTIALS" },
        },
      },
    ]);
  });
});
