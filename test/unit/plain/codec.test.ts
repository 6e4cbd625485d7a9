import { describe, expect, test } from "bun:test";
import { createPlainCodec, type PlainCodecOptions } from "../../../src/protocol/plain/codec.ts";
import type { Codec, PluginEvent } from "../../../src/protocol/messages.ts";

const CONTEXT = { conversationId: null, messageId: null, appId: null, endpointId: null, context: null };
const ids = new WeakMap<Codec, number>();

/** Requests `r1`, `r2`, … of sessions `s1`, `s2`, … */
function codecWith(count: number, options: PlainCodecOptions = {}): Codec {
  let made = 0;
  const codec = createPlainCodec({ createRequestId: () => `r${++made}`, ...options });
  for (let at = 0; at < count; at++) request(codec);
  return codec;
}

function request(codec: Codec, data: Readonly<Record<string, unknown>> = {}): string | undefined {
  const number = (ids.get(codec) ?? 0) + 1;
  ids.set(codec, number);
  return codec.encode({
    kind: "request",
    sessionId: `s${number}`,
    session: CONTEXT,
    data: { type: "tool", action: "invoke_tool", ...data },
  });
}

function say(codec: Codec, ...messages: unknown[]): PluginEvent[] {
  return messages.flatMap((message) =>
    codec.decode(`${typeof message === "string" ? message : JSON.stringify(message)}\n`),
  );
}

/** The events in short: what happens to which session. */
function told(events: readonly PluginEvent[]): string[] {
  return events.map((event) => ("sessionId" in event ? `${event.kind} ${event.sessionId}` : event.kind));
}

const chunk = { type: "stream_chunk", data: { content: "x" } };
const start = (id: string) => ({ type: "stream_start", request_id: id });
const response = (id?: string) => ({
  type: "response",
  status: "success",
  data: { content: "x" },
  request_id: id,
});
const failure = { status: "error", error: { type: "E", message: "m" } };

describe("createPlainCodec() requests", () => {
  test.each([
    ["tool", "validate_tool_credentials", "tool", "validate"],
    ["tool", "get_tool_runtime_parameters", "tool", "get_tool_runtime_parameters"],
    ["model", "invoke_llm", "model", "invoke"],
    ["model", "invoke_text_embedding", "model", "invoke"],
    ["model", "invoke_rerank", "model", "invoke"],
    ["model", "validate_provider_credentials", "model", "validate"],
    ["model", "validate_model_credentials", "model", "validate"],
    ["model", "get_llm_num_tokens", "model", "get_llm_num_tokens"],
    ["agent_strategy", "invoke_agent_strategy", "agent_strategy", "invoke"],
    ["datasource", "validate_datasource_credentials", "datasource", "validate"],
    ["datasource", "invoke_online_drive_browse_files", "datasource", "invoke_online_drive_browse_files"],
    ["trigger", "validate_trigger_credentials", "trigger", "validate"],
    ["trigger", "invoke_trigger_event", "trigger", "invoke_trigger_event"],
    ["oauth", "get_authorization_url", "oauth", "get_authorization_url"],
    ["endpoint", "invoke_endpoint", "extension", "invoke"],
  ])("%s/%s is %s/%s", (type, action, plainType, plainAction) => {
    expect(JSON.parse(request(codecWith(0), { type, action, k: 1 }) ?? "")).toEqual({
      type: "invoke",
      session_id: "s1",
      request_id: "r1",
      plugin_type: plainType,
      action: plainAction,
      data: { k: 1 },
    });
  });

  test("the ids and the context of the platform stand in context, if there are any", () => {
    const session = { ...CONTEXT, appId: "a", context: { credentials: { tool_credentials: {} } } };
    const data = { type: "tool", action: "invoke_tool", user_id: "u" };
    const line = codecWith(0).encode({ kind: "request", sessionId: "s", session, data });
    expect(JSON.parse(line ?? "").context).toEqual({
      user_id: "u",
      app_id: "a",
      credentials: { tool_credentials: {} },
    });
  });

  test("numbers that no number can hold are sent to the digit", () => {
    const line = request(codecWith(0), { tool_parameters: { id: JSON.rawJSON("12345678901234567890") } });
    expect(line).toContain('"id":12345678901234567890');
  });

  test("a cancel names the request, once, and a heartbeat behind it tells when it was read", () => {
    const codec = codecWith(1);
    expect(codec.encode({ kind: "cancel", sessionId: "s1" })).toBe(
      '{"type":"cancel","request_id":"r1"}\n{"type":"heartbeat","action":"heartbeat"}\n',
    );
    expect(codec.encode({ kind: "cancel", sessionId: "s1" })).toBeUndefined();
  });

  test("one without heartbeats is told of a cancel where its stream has begun by its ids", () => {
    const cancel = { kind: "cancel", sessionId: "s1" } as const;
    expect(codecWith(1, { heartbeat: false }).encode(cancel)).toBeUndefined();
    const codec = codecWith(1, { heartbeat: false });
    say(codec, start("r1"));
    expect(codec.encode(cancel)).toBe('{"type":"cancel","request_id":"r1"}\n');
  });

  test("continue and reload", () => {
    const codec = codecWith(0);
    expect(codec.encode({ kind: "continue" })).toBe('{"type":"continue"}\n');
    expect(codec.encode({ kind: "reload" })).toBe('{"type":"reload"}\n');
  });
});

describe("createPlainCodec() whose answer it is", () => {
  test("ids decide: streams interleave", () => {
    const codec = codecWith(2);
    expect(
      told(
        say(
          codec,
          start("r1"),
          start("r2"),
          { ...chunk, request_id: "r2" },
          { ...chunk, session_id: "s1" },
          {
            type: "stream_end",
            request_id: "r2",
          },
        ),
      ),
    ).toEqual(["item s2", "item s1", "end s2"]);
  });

  test("a chunk without ids while two streams are open is an error on each, and nothing follows", () => {
    const codec = codecWith(2);
    const events = say(
      codec,
      start("r1"),
      start("r2"),
      chunk,
      chunk,
      { type: "stream_end" },
      { type: "stream_end" },
    );
    expect(told(events).filter((event) => event !== "noise")).toEqual(["broken s1", "broken s2"]);
    expect(events[0]).toMatchObject({
      error: { error_type: "PluginProtocolError", message: expect.stringContaining("2 streams were open") },
    });
  });

  test("a plugin that does one thing at a time needs no ids at all", () => {
    const codec = codecWith(4);
    expect(
      told(
        say(codec, response(), { type: "stream_start" }, chunk, { type: "stream_end" }, failure, response()),
      ),
    ).toEqual(["item s1", "end s1", "item s2", "end s2", "error s3", "item s4", "end s4"]);
  });

  test("one that has answered out of order has to send them", () => {
    const codec = codecWith(3);
    expect(told(say(codec, response("r2"), response()))).toEqual([
      "item s2",
      "end s2",
      "broken s1",
      "broken s3",
    ]);
  });

  test("what a cancelled call's plugin still answers goes to nobody, with ids or without", () => {
    for (const late of [response("r1"), response()]) {
      const codec = codecWith(2);
      codec.encode({ kind: "cancel", sessionId: "s1" });
      expect(told(say(codec, late, response("r2")))).toEqual(["item s2", "end s2"]);
    }
  });

  test("the article's sample answers a cancel with an error, which is nobody's", () => {
    const codec = codecWith(1);
    codec.encode({ kind: "cancel", sessionId: "s1" });
    request(codec);
    // It reads r1, the cancel, the heartbeat, r2.
    expect(told(say(codec, response("r1"), failure, { type: "heartbeat_ack" }, failure))).toEqual([
      "heartbeat",
      "error s2",
    ]);
  });

  test("a plugin that gives up what is cancelled goes on without ids", () => {
    const codec = codecWith(1);
    say(codec, start("r1"));
    codec.encode({ kind: "cancel", sessionId: "s1" });
    request(codec);
    expect(
      told(say(codec, { type: "heartbeat_ack" }, { type: "stream_start" }, chunk, { type: "stream_end" })),
    ).toEqual(["heartbeat", "item s2", "end s2"]);
  });

  test("without heartbeats the order holds as well: what is cancelled is answered all the same", () => {
    const codec = codecWith(3, { heartbeat: false });
    codec.encode({ kind: "cancel", sessionId: "s1" });
    expect(told(say(codec, response(), response(), failure))).toEqual(["item s2", "end s2", "error s3"]);
  });

  test("a request that never reached the plugin is not waited for", () => {
    const codec = codecWith(2);
    const message = { kind: "request", sessionId: "s1", session: CONTEXT, data: {} } as const;
    codec.encode({ kind: "cancel", sessionId: "s1" });
    codec.unsent?.(message);
    expect(told(say(codec, failure, response()))).toEqual(["error s2", "noise"]);
  });

  test("after the end nothing counts: a second end, a response, an error, a chunk", () => {
    const codec = codecWith(1);
    say(codec, start("r1"), { type: "stream_end", request_id: "r1" });
    const late = [
      { type: "stream_end", request_id: "r1" },
      { type: "stream_end" },
      response("r1"),
      response(),
      chunk,
      failure,
    ];
    expect(told(say(codec, ...late))).toEqual(late.map(() => "noise"));
  });

  test("a late chunk of a stream that has ended harms no call that waits", () => {
    const codec = codecWith(3);
    say(codec, start("r1"), { type: "stream_end" });
    expect(told(say(codec, chunk, response("r2"), response("r3")))).toEqual([
      "noise",
      "item s2",
      "end s2",
      "item s3",
      "end s3",
    ]);
  });
});

describe("createPlainCodec() how a line may be written", () => {
  test.each([
    ['{"type":"stream_chunk","data":{"content":"a"}}'],
    ['{"type":"stream_chunk","request_id":"r1","data":{"content":"a"}}'],
    ['{"type":"stream_chunk","session_id":"s1","request_id":"r1","data":{"content":"a"}}'],
    ['{"type": "stream_chunk", "session_id": "s1", "data": {"content": "a"}}'],
    ['{"type": "stream_chunk", "session_id": "s1", "request_id": "r1", "data": {"content": "a"}}'],
    ['{"data":{"content":"a"},"request_id":"r1","type":"stream_chunk"}'],
    ['{"type":"stream_chunk","data":{"content":"a"},"request_id":"r1"}'],
    ['{"type":"stream_chunk","request_id":"\\u0072\\u0031","data":{"content":"a"}}'],
    ['  { "type" : "stream_chunk" , "data" : { "content" : "a" } } \r'],
    ['{"type":"stream_chunk","data":{"content":"b","content":"a"}}'],
    ['{"type":"stream_chunk","data":{"content":"b"},"data":{"content":"a"}}'],
  ])("%s", (line) => {
    expect(say(codecWith(1), line)).toMatchObject([
      { kind: "item", sessionId: "s1", value: { type: "text", message: { text: "a" } } },
    ]);
  });

  test("chunks that begin like the one before them are their own all the same", () => {
    const codec = codecWith(12);
    const line = (id: string, data: string) => `{"type":"stream_chunk","request_id":"${id}","data":${data}}`;
    const begun = '{"type":"stream_chunk","request_id":"r1","data":';
    const block = [
      line("r1", '{"content":"a"}'),
      line("r1", '{"content":"b"}'),
      line("r12", '{"content":"c"}'),
      line("r1", '{"content":"d"}'),
      line("r1", '"e"'),
      // Nothing where the data should be, and what only begins so.
      begun,
      `${begun}}`,
      `{"type":"stream_chunk","data":{"content":"whose?"},"request_id":"r2"}`,
    ];
    const seen = (text: string) =>
      codec
        .decode(text)
        .flatMap((event) => (event.kind === "item" ? [`${event.sessionId} ${event.raw}`] : []));
    const text = (id: string, content: string) =>
      `${id} {"type":"text","message":{"text":"${content}"},"meta":null}`;
    expect(seen(block.slice(0, 5).join("\n"))).toEqual([
      text("s1", "a"),
      text("s1", "b"),
      text("s12", "c"),
      text("s1", "d"),
      's1 "e"',
    ]);
    expect(told(codec.decode(block[5] ?? ""))).toEqual(["broken s1", "noise"]);
    expect(told(codec.decode(block[6] ?? ""))).toEqual(["noise"]);
    expect(
      seen(`${block[7]}\n${line("r12", '{"content":"g"}')}\n${line("r3", '{"content":"h"},"more":1')}`),
    ).toEqual([text("s2", "whose?"), text("s12", "g"), text("s3", "h")]);
  });

  test("several lines in one block, blank ones among them", () => {
    const codec = codecWith(1);
    const block = `\n${JSON.stringify(start("r1"))}\n\n${JSON.stringify(chunk)}\n${JSON.stringify(chunk)}\n`;
    expect(told(codec.decode(block))).toEqual(["item s1", "item s1"]);
  });
});

describe("createPlainCodec() what breaks the protocol", () => {
  test("an unknown type ends its call, or is noise where it names none", () => {
    const codec = codecWith(1);
    expect(told(say(codec, { type: "party" }, { status: 1, type: 3 }, {}))).toEqual([
      "noise",
      "noise",
      "noise",
    ]);
    expect(say(codec, { type: "party", request_id: "r1" })).toMatchObject([
      {
        kind: "broken",
        sessionId: "s1",
        error: { message: expect.stringContaining('unknown message type "party"') },
      },
    ]);
  });

  test("what is no object is noise", () => {
    const codec = codecWith(1);
    expect(told(say(codec, "hello", "[1]", "3", "null", '"s"', "{"))).toEqual(Array(6).fill("noise"));
  });

  test("a broken line ends its call if that can be told", () => {
    for (const line of [
      '{"type":"response","request_id":"r1","data":NaN}',
      '{"type": "stream_chunk", "data": {"x": NaN}}',
    ])
      expect(told(say(codecWith(1), line))).toEqual(["broken s1", "noise"]);
    expect(told(say(codecWith(2), '{"type": "stream_chunk", "data": {"x": NaN}}'))).toEqual(["noise"]);
  });

  test("what nests deep ends its call and costs nothing", () => {
    const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
    const line = `{"type":"stream_chunk","request_id":"r1","data":{"type":"json","content":${deep}}}`;
    const began = performance.now();
    expect(told(say(codecWith(1), line))).toEqual(["broken s1", "noise"]);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(told(say(codecWith(1), `{"type":"log","message":${deep}}`))).toEqual(["noise"]);
  });

  test("ids of another kind are nobody's", () => {
    const codec = codecWith(1);
    expect(
      told(
        say(codec, { ...chunk, request_id: 7 }, { ...chunk, request_id: {} }, { ...chunk, request_id: "r9" }),
      ),
    ).toEqual(["noise", "noise", "noise"]);
  });

  test("a line above the limit ends its call by its ids, or by the one that is open", () => {
    const codec = codecWith(3);
    say(codec, start("r1"));
    const over = (head: string) => codec.decodeOversize(head, 99, 10);
    expect(over('{"type":"stream_chunk","data":{"content":"xx')).toMatchObject({
      kind: "oversize",
      sessionId: "s1",
    });
    expect(over('{"type": "response", "request_id": "r2", "data')).toMatchObject({ sessionId: "s2" });
    expect(over('{"type":"backwards","session_id":"s3","request_id":"mine"')).toMatchObject({
      sessionId: "s3",
    });
    expect(over('{"data":')).toMatchObject({ kind: "oversize", sessionId: undefined });
    expect(over("xxx")).toMatchObject({ kind: "noise" });
    // What follows of the stream goes nowhere.
    expect(told(say(codec, chunk, { type: "stream_end" }))).toEqual([]);
  });
});

describe("createPlainCodec() errors", () => {
  test.each([
    [
      { type: "RateLimitError", message: "slow", code: "C", retry: 1 },
      { error_type: "RateLimitError", message: "slow", args: { code: "C", retry: 1 } },
    ],
    [{ message: "m" }, { error_type: "PluginError", message: "m", args: {} }],
    ["text", { error_type: "PluginError", message: "text", args: {} }],
    [
      null,
      { error_type: "PluginError", message: "The plugin reports an error without saying which", args: {} },
    ],
  ])("%j", (error, expected) => {
    expect(say(codecWith(1), { type: "response", request_id: "r1", status: "error", error })).toEqual([
      { kind: "error", sessionId: "s1", error: expected },
    ]);
  });
});
