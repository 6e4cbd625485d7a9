import { expect, test } from "bun:test";
import { describeReply } from "./describe-reply.ts";
import type { Reply } from "./exchange.ts";

const facts = {
  captured: new Map<string, string>(),
  host: "127.0.0.1:5002",
  platformHost: "127.0.0.1:5004",
  now: 0,
};

function described(body: string | Uint8Array, type?: string, more: Partial<Reply> = {}) {
  const headers = type === undefined ? [] : [["content-type", type] as const];
  return describeReply({ status: 200, headers, body: Buffer.from(body), ended: true, ...more }, facts);
}

test("describeReply() tells status and media type, and those headers that matter", () => {
  const headers = [
    ["content-type", "text/plain; charset=utf-8"],
    ["date", "today"],
    ["location", "http://127.0.0.1:5002/x"],
  ] as const;
  expect(described("hello", undefined, { status: 301, headers })).toEqual({
    status: 301,
    type: "text/plain",
    headers: { location: "http://{{host}}/x" },
    text: "hello",
  });
  expect(described("")).toEqual({ status: 200, type: null });
});

test("describeReply() reads JSON by its type or by its look, big integers included", () => {
  expect(described('{"n":9007199254740993}', "application/json")).toMatchObject({
    json: { n: { $int: "9007199254740993" } },
  });
  expect(described("[1]", "text/html")).toMatchObject({ json: [1] });
  expect(described("{broken", "application/json")).toMatchObject({ text: "{broken" });
});

test("describeReply() reads the frames of an event stream, and tells of what is none", () => {
  const type = "text/event-stream";
  expect(described('data: {"code":0}\n\ndata: {"code":-1}\n\n', type)).toEqual({
    status: 200,
    type,
    frames: [{ code: 0 }, { code: -1 }],
  });
  expect(described('data: {"code":0}\n\nevent: x\n\ndata: {"co', type, { ended: false })).toEqual({
    status: 200,
    type,
    ended: false,
    frames: [{ code: 0 }, { $bad: "event: x" }],
    text: 'data: {"co',
  });
});

test("describeReply() keeps what is no text as base64, or as size and checksum", () => {
  expect(described(Uint8Array.of(0xff, 0))).toMatchObject({ base64: "/wA=" });
  expect(described(new Uint8Array(3001).fill(0xff)).base64).toMatch(/^<3001 bytes, sha256 [0-9a-f]{64}>$/);
});
