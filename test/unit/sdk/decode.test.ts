import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { PluginEvent } from "../../../src/protocol/messages.ts";
import { createSdkCodec } from "../../../src/protocol/sdk/codec.ts";
import { logLevel } from "../../../src/protocol/line.ts";
import { decodeBlock } from "../../../src/protocol/sdk/decode.ts";

const ID = "0f2a7a86-6f0f-4a0e-9d7e-0c7e6a5d3b11";
const session = (data: string, id = ID) => `{"event":"session","session_id":"${id}","data":${data}}`;

function only(block: string): PluginEvent {
  const events = decodeBlock(block);
  expect(events).toHaveLength(1);
  return events[0]!;
}

describe("decodeBlock() of items", () => {
  test("keeps the payload's own text in the layout of the SDKs", () => {
    const raw = '{"type":"json","message":{"json_object":{"n":12345678901234567890,"f":1.0}},"meta":null}';
    const event = only(`${session(`{"type":"stream","data":${raw}}`)}\n\n`);
    expect(event).toEqual({ kind: "item", sessionId: ID, raw, value: JSON.parse(raw) });
  });

  test("keeps the payload's own text in any other layout", () => {
    const raw = '{ "n" : 12345678901234567890 }';
    const event = only(
      `{ "data": {"data": ${raw}, "type": "stream"}, "session_id": "${ID}", "event": "session" }\n`,
    );
    expect(event).toMatchObject({ kind: "item", sessionId: ID, raw });
  });

  test("is not fooled by a payload that closes its envelope", () => {
    const event = only(`${session('{"type":"stream","data":1},"x":{"a":{}')}}\n`);
    expect(event).toMatchObject({ kind: "item", raw: "1", value: 1 });
  });

  test("takes the last of duplicate keys, as a parser does", () => {
    const line = `{"event":"session","session_id":"${ID}","data":{"type":"stream","data":1},"data":{"type":"stream","data":2}}`;
    expect(only(`${line}\n`)).toMatchObject({ kind: "item", raw: "2", value: 2 });
  });

  test("splits at LF only: U+2028 is legal in a string", () => {
    const event = only(`${session('{"type":"stream","data":"a\u2028b\u0085c"}')}\n`);
    expect(event).toMatchObject({ kind: "item", value: "a\u2028b\u0085c" });
  });

  test("strips a trailing CR", () => {
    expect(only(`${session('{"type":"stream","data":{"a":1}}')}\r\n`)).toMatchObject({
      kind: "item",
      raw: '{"a":1}',
    });
  });

  test("passes null and false", () => {
    expect(only(`${session('{"type":"stream","data":null}')}\n`)).toMatchObject({
      kind: "item",
      value: null,
    });
    expect(only(`${session('{"type":"stream","data":false}')}\n`)).toMatchObject({
      kind: "item",
      value: false,
    });
  });

  test("any JSON payload comes out as it went in", () => {
    fc.assert(
      fc.property(fc.json(), (raw) => {
        const event = only(`${session(`{"type":"stream","data":${raw}}`)}\n`);
        expect(event).toEqual({ kind: "item", sessionId: ID, raw, value: JSON.parse(raw) });
      }),
    );
  });
});

describe("decodeBlock() of ends and errors", () => {
  test("knows the SDK's end, and an end with other data", () => {
    expect(only(`${session('{"type":"end","data":{}}')}\n`)).toEqual({ kind: "end", sessionId: ID });
    expect(only(`${session('{"type":"end","data":null}')}\n`)).toEqual({ kind: "end", sessionId: ID });
  });

  test("ignores a session message without data or type", () => {
    expect(only(`${session('{"type":"end"}')}\n`).kind).toBe("noise");
    expect(only(`${session('{"data":{}}')}\n`).kind).toBe("noise");
  });

  test("passes on the plugin's error", () => {
    const error = { error_type: "InvokeRateLimitError", message: "quota", args: { traceback: "t" } };
    expect(only(`${session(`{"type":"error","data":${JSON.stringify(error)}}`)}\n`)).toEqual({
      kind: "error",
      sessionId: ID,
      error,
    });
  });

  test("ignores an error that is no error object, or has more than ten args", () => {
    const args = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`k${i}`, i]));
    for (const data of [
      '"text"',
      "null",
      '{"error_type":1}',
      JSON.stringify({ error_type: "E", message: "m", args }),
    ])
      expect(only(`${session(`{"type":"error","data":${data}}`)}\n`).kind).toBe("noise");
  });

  test("ends the session on an unknown message type", () => {
    expect(only(`${session('{"type":"weird","data":{}}')}\n`)).toEqual({
      kind: "broken",
      sessionId: ID,
      error: { error_type: "unknown_stream_message_type", message: "unknown stream message type: weird" },
    });
  });

  test("hands over a call back with its own text", () => {
    const raw = '{"type":"storage","backwards_request_id":"r","request":{"opt":"get","key":"k"}}';
    expect(only(`${session(`{"type":"invoke","data":${raw}}`)}\n`)).toEqual({
      kind: "invoke",
      sessionId: ID,
      request: JSON.parse(raw),
      raw,
    });
  });
});

describe("decodeBlock() of everything else", () => {
  test("heartbeats, logs, the manifest line, prints", () => {
    const block = [
      '{"version":"0.0.1","type":"plugin"}',
      "",
      '{"event": "log", "data": {"level": "WARNING", "message": "text", "timestamp": 1.5}}',
      '{"event":"heartbeat","session_id":null,"data":{}}',
      "",
      "hello from print",
      "",
    ].join("\n");
    expect(decodeBlock(block)).toEqual([
      { kind: "noise", text: '{"version":"0.0.1","type":"plugin"}' },
      { kind: "log", level: "warn", message: "text" },
      { kind: "heartbeat" },
      { kind: "noise", text: "hello from print" },
    ]);
  });

  test("finds the message behind a print without a newline", () => {
    expect(decodeBlock(`progress 50%${session('{"type":"end","data":{}}')}\n`)).toEqual([
      { kind: "noise", text: "progress 50%" },
      { kind: "end", sessionId: ID },
    ]);
  });

  test("accepts several messages on one line", () => {
    const item = session('{"type":"stream","data":{"a":1}}');
    expect(decodeBlock(`${item}${session('{"type":"end","data":{}}')}\n`).map((event) => event.kind)).toEqual(
      ["item", "end"],
    );
  });

  test("never throws, whatever a plugin prints", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(Array.isArray(decodeBlock(`${text}\n{"event"${text}`))).toBe(true);
      }),
    );
  });

  test("maps level names without regard to case", () => {
    expect(["DEBUG", "warn", "Warning", "FATAL", "critical", "NOTSET", 7].map(logLevel)).toEqual([
      "debug",
      "warn",
      "warn",
      "error",
      "error",
      "info",
      "info",
    ]);
  });
});

test("decodeBlock() survives whatever nests deeper than the stack", () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const block = [
    `{"event":"session","session_id":"s","data":{"type":"stream","data":${deep}}}`,
    `{"event":"session","session_id":"s","data":{"type":${deep},"data":1}}`,
    `{"event":"log","data":{"message":${deep}}}`,
    `x${deep}`,
    '{"event":"heartbeat"}',
  ].join("\n");
  expect(decodeBlock(block).map(({ kind }) => kind)).toEqual(["item", "broken", "log", "noise", "heartbeat"]);
});

test("decodeBlock() spends no time on megabytes of open brackets", () => {
  const open = "[".repeat(24_000_000);
  const began = performance.now();
  const block = `${open}\n${session(`{"type":"stream","data":${open}}`)}\n{"event":"heartbeat"}\n`;
  expect(decodeBlock(block).map(({ kind }) => kind)).toEqual(["noise", "noise", "heartbeat"]);
  expect(performance.now() - began).toBeLessThan(2000);
});

describe("createSdkCodec()", () => {
  test("writes a request as one line with every key", () => {
    const line = createSdkCodec().encode({
      kind: "request",
      sessionId: ID,
      session: { conversationId: null, messageId: "m", appId: null, endpointId: null, context: null },
      data: { type: "tool", text: "a\nb" },
    });
    expect(line?.endsWith("\n")).toBe(true);
    expect(line?.indexOf("\n")).toBe(line!.length - 1);
    expect(JSON.parse(line!)).toEqual({
      session_id: ID,
      conversation_id: null,
      message_id: "m",
      app_id: null,
      endpoint_id: null,
      context: null,
      event: "request",
      data: { type: "tool", text: "a\nb" },
    });
  });

  test("has no cancel", () => {
    expect(createSdkCodec().encode({ kind: "cancel", sessionId: ID })).toBeUndefined();
  });

  test("finds whose an oversize line was", () => {
    expect(createSdkCodec().decodeOversize(session('{"type":"stream"'), 99, 10)).toEqual({
      kind: "oversize",
      sessionId: ID,
      sizeBytes: 99,
      limitBytes: 10,
    });
    expect(createSdkCodec().decodeOversize(' {"data":', 99, 10)).toMatchObject({ sessionId: undefined });
  });

  test("takes an oversize line that is no object for a print, whoever is being called", () => {
    expect(createSdkCodec().decodeOversize("xxxx", 99, 10)).toEqual({
      kind: "noise",
      text: "xxxx… (99 bytes; the limit is 10)",
    });
  });
});
