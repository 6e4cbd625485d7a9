import { describe, expect, test } from "bun:test";
import { ACTIONS } from "../../../src/protocol/actions/catalogue.ts";
import { createPlainCodec } from "../../../src/protocol/plain/codec.ts";

const CONTEXT = { conversationId: null, messageId: null, appId: "app-1", endpointId: null, context: null };

function open(data: Readonly<Record<string, unknown>>) {
  let made = 0;
  const codec = createPlainCodec({ createRequestId: () => `r${++made}` });
  codec.encode({ kind: "request", sessionId: "s1", session: CONTEXT, data });
  const decoder = ACTIONS.find(({ action }) => action === data["action"])?.createItemDecoder();
  return {
    codec,
    /** The items of the HTTP stream, as texts. */
    answer: (...lines: string[]) =>
      lines.flatMap((line) =>
        codec
          .decode(`${line}\n`)
          .flatMap((event) => (event.kind === "item" ? [decoder?.(event.value, event.raw) ?? ""] : [])),
      ),
  };
}

const tool = { type: "tool", action: "invoke_tool" };
const response = (data: string) => `{"type":"response","request_id":"r1","status":"success","data":${data}}`;

describe("a tool's answer", () => {
  test.each([
    ['{"content":"é\\u2028"}', '{"type":"text","message":{"text":"é\\u2028"},"meta":null}'],
    [
      String.raw`{"content":"say \"hi\", C:\\"}`,
      String.raw`{"type":"text","message":{"text":"say \"hi\", C:\\"},"meta":null}`,
    ],
    [
      String.raw`{"type": "text", "content": "\u00e9\\"}`,
      String.raw`{"type":"text","message":{"text":"\u00e9\\"},"meta":null}`,
    ],
    ['{"content":"a", "more":"b"}', '{"type":"text","message":{"text":"a"},"meta":null}'],
    ['{"content":"a" }', '{"type":"text","message":{"text":"a"},"meta":null}'],
    ['{"content":""}', '{"type":"text","message":{"text":""},"meta":null}'],
    [
      '{"type":"json","content":{"big":12345678901234567890}}',
      '{"type":"json","message":{"json_object":{"big":12345678901234567890}},"meta":null}',
    ],
    ['{"type":"link","content":"http://x"}', '{"type":"link","message":{"text":"http://x"},"meta":null}'],
    ['{"type":"image","content":"http://x"}', '{"type":"image","message":{"text":"http://x"},"meta":null}'],
    [
      '{"type":"blob","content":"aGk=","mime_type":"text/plain"}',
      '{"type":"blob","message":{"blob":"aGk="},"meta":{"mime_type":"text/plain"}}',
    ],
    [
      '{"type":"blob","content":"aGk=","meta":{"mime_type":"a/b"}}',
      '{"type":"blob","message":{"blob":"aGk="},"meta":{"mime_type":"a/b"}}',
    ],
    [
      '{"type":"variable","name":"n","content":1.0}',
      '{"type":"variable","message":{"variable_name":"n","stream":false,"variable_value":1.0},"meta":null}',
    ],
    [
      '{"type":"log","content":"step"}',
      '{"type":"log","message":{"id":"r1-0","label":"step","parent_id":null,"error":null,"status":"success","metadata":{},"data":{}},"meta":null}',
    ],
    [
      '{"type":"log","content":{"id":"1","label":"l","status":"start","data":{"a":1.50}}}',
      '{"type":"log","message":{"id":"1","label":"l","parent_id":null,"error":null,"status":"start","metadata":{},"data":{"a":1.50}},"meta":null}',
    ],
    [
      '{"type":"text","message":{"text":"native"},"meta":null,"more":1}',
      '{"type":"text","message":{"text":"native"},"meta":null,"more":1}',
    ],
    ['{"content":42}', '{"type":"text","message":{"text":"42"},"meta":null}'],
  ])("%s", (data, expected) => {
    expect(open(tool).answer(response(data))).toEqual([expected]);
  });

  test("one of an unknown type is refused", () => {
    expect(() => open(tool).answer(response('{"type":"hologram","content":"x"}'))).toThrow();
  });

  test("a success without data is an empty answer", () => {
    const { codec } = open(tool);
    expect(codec.decode('{"type":"response","request_id":"r1","status":"success"}\n')).toEqual([
      { kind: "end", sessionId: "s1" },
    ]);
  });
});

describe("a model's answer", () => {
  const llm = { type: "model", action: "invoke_llm", model_type: "llm", model: "m" };

  test("one response is a chunk, and the last one where it brings the usage", () => {
    const items = open(llm).answer(
      response('{"content":"Hi","total_tokens":3,"prompt_tokens":1,"latency":0.5}'),
    );
    expect(items.map((item) => JSON.parse(item).delta)).toMatchObject([
      { index: 0, message: { content: "Hi", tool_calls: [] }, usage: null, finish_reason: null },
      {
        index: 1,
        finish_reason: "stop",
        usage: { total_tokens: 3, prompt_tokens: 1, latency: 0.5, currency: "USD" },
      },
    ]);
  });

  test("calls of tools and native chunks go through", () => {
    const call = { id: "1", type: "function", function: { name: "f", arguments: "{}" } };
    const native = {
      model: "m",
      system_fingerprint: "",
      delta: { index: 5, message: { role: "assistant", content: "n" }, usage: null, finish_reason: null },
    };
    const items = open(llm).answer(
      `{"type":"stream_chunk","data":${JSON.stringify({ tool_calls: [call] })}}`,
      `{"type":"stream_chunk","data":${JSON.stringify(native)}}`,
      '{"type":"stream_end"}',
    );
    expect(items.map((item) => JSON.parse(item).delta)).toMatchObject([
      { index: 0, message: { tool_calls: [call] } },
      { index: 5, message: { content: "n" } },
    ]);
  });

  test("other models answer in the schema of their dispatch", () => {
    const items = open({ type: "model", action: "invoke_moderation" }).answer(response('{"result":true}'));
    expect(items).toEqual(['{"result":true}']);
  });
});

describe("the check of credentials", () => {
  const validate = { type: "tool", action: "validate_tool_credentials" };

  test.each([
    [response('{"valid":true}'), true],
    [response('{"valid":false}'), false],
    [response('{"result":false}'), false],
    [response('"anything"'), true],
    ['{"type":"response","request_id":"r1","status":"success"}', true],
    ['{"type":"stream_end","request_id":"r1"}', true],
  ])("%s", (line, result) => {
    expect(open(validate).answer(line)).toEqual([`{"result":${result}}`]);
  });

  test("a model's may change them", () => {
    const items = open({ type: "model", action: "validate_provider_credentials" }).answer(
      response('{"valid":true,"credentials":{"a":"b"}}'),
    );
    expect(items).toEqual(['{"result":true,"credentials":{"a":"b"}}']);
  });
});

describe("calls back", () => {
  const ask = (codec: ReturnType<typeof open>["codec"], action: string, data: string) =>
    codec.decode(
      `{"type":"backwards","session_id":"s1","request_id":"mine","action":"${action}","data":${data}}\n`,
    );
  const reply = (codec: ReturnType<typeof open>["codec"], event: string, rest: string) =>
    codec.encode({
      kind: "backwards_response",
      sessionId: "s1",
      session: CONTEXT,
      data: `{"backwards_request_id":"mine","event":"${event}",${rest}}`,
    });

  test.each([
    ["storage.get", '{"key":"k"}', { type: "storage", request: { opt: "get", key: "k" } }],
    [
      "storage.set",
      '{"key":"k","value":"é"}',
      { type: "storage", request: { opt: "set", key: "k", value: "c3a9" } },
    ],
    ["storage.delete", '{"key":"k"}', { type: "storage", request: { opt: "del", key: "k" } }],
    ["storage.exist", '{"key":"k"}', { type: "storage", request: { opt: "exist", key: "k" } }],
    ["app.get_info", "{}", { type: "fetch_app", request: { app_id: "app-1" } }],
    ["user.get_info", "{}", { type: "user_info", request: {} }],
    ["llm", '{"n":1}', { type: "llm", request: { n: 1 } }],
  ])("%s %s", (action, data, expected) => {
    const [event] = ask(open(tool).codec, action, data);
    expect(event).toMatchObject({
      kind: "invoke",
      sessionId: "s1",
      request: { backwards_request_id: "mine", ...expected },
    });
    if (event?.kind === "invoke") expect(JSON.parse(event.raw)).toEqual(event.request as object);
  });

  test("the request's own digits go on", () => {
    const [event] = ask(open(tool).codec, "llm", '{"n":12345678901234567890}');
    expect(event).toMatchObject({ raw: expect.stringContaining('"request":{"n":12345678901234567890}') });
  });

  test("one answer is one line, as it is printed", () => {
    const { codec } = open(tool);
    ask(codec, "storage.set", '{"key":"k","value":"v"}');
    expect(reply(codec, "response", '"message":"struct","data":{"data":"ok"}')).toBe(
      '{"type":"backwards_response","request_id":"mine","status":"success","data":{"data":"ok"},"done":true}\n',
    );
    expect(reply(codec, "end", '"message":"","data":null')).toBeUndefined();
  });

  test("a stream is done with its last line", () => {
    const { codec } = open(tool);
    ask(codec, "llm", "{}");
    expect(reply(codec, "response", '"message":"stream","data":{"a":1.0}')).toBe(
      '{"type":"backwards_response","request_id":"mine","status":"success","data":{"a":1.0},"done":false}\n',
    );
    expect(reply(codec, "end", '"message":"","data":null')).toBe(
      '{"type":"backwards_response","request_id":"mine","status":"success","data":{},"done":true}\n',
    );
  });

  test("an error is the last line", () => {
    const { codec } = open(tool);
    ask(codec, "llm", "{}");
    expect(reply(codec, "error", '"message":"no","data":null')).toBe(
      '{"type":"backwards_response","request_id":"mine","status":"error","error":{"type":"BackwardsInvocationError","message":"no"},"done":true}\n',
    );
    expect(reply(codec, "end", '"message":"","data":null')).toBeUndefined();
  });

  test("what was stored as a text comes back as one; other bytes stay in hex", () => {
    const { codec } = open(tool);
    for (const [hex, data] of [
      ["c3a9", '{"value":"é"}'],
      ["ff", '{"data":"ff"}'],
    ]) {
      ask(codec, "storage.get", '{"key":"k"}');
      expect(reply(codec, "response", `"message":"struct","data":{"data":"${hex}"}`)).toContain(
        `"data":${data},`,
      );
    }
  });

  test("one that does not say whose it is belongs to the only call, and ends all where there are several", () => {
    const { codec } = open(tool);
    const line = '{"type":"backwards","request_id":"mine","action":"llm"}\n';
    expect(codec.decode(line)).toMatchObject([{ kind: "invoke", sessionId: "s1" }]);
    codec.encode({ kind: "request", sessionId: "s2", session: CONTEXT, data: tool });
    expect(codec.decode(line)).toMatchObject([
      { kind: "broken", sessionId: "s1" },
      { kind: "broken", sessionId: "s2" },
    ]);
  });
});
