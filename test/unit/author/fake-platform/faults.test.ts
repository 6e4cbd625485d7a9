import { expect, test } from "bun:test";
import { createFrameReader } from "../../../../src/dify/frames.ts";
import type { Answer } from "../../../../src/service/author/fake-platform/answers.ts";
import { type FaultName, readFault } from "../../../../src/service/author/fake-platform/faults.ts";
import { type Piece, planResponse } from "../../../../src/service/author/fake-platform/plan.ts";

const STREAM: Answer = { kind: "stream", items: [{ n: 1 }, { n: 2 }, { n: 3 }] };
const ONE: Answer = { kind: "one", data: { n: 1 } };
const good = (n: number) => JSON.stringify({ data: { n }, error: "" });

test.each([
  [{ model: "slow" }, { name: "slow", number: 1000 }],
  [{ model: "slow:50" }, { name: "slow", number: 50 }],
  [{ model: { name: "cut" } }, { name: "cut", number: 0 }],
  [
    { model: "gpt", tool: "error" },
    { name: "error", number: 0 },
  ],
  [{ app_id: "status:503" }, { name: "status", number: 503 }],
  [{ filename: "html" }, { name: "html", number: 0 }],
  [{ instruction: "nil" }, { name: "nil", number: 0 }],
  [{ model: "slower" }, undefined],
  [{ model: "slow:" }, undefined],
  [{ model: "toString" }, undefined],
  [{ query: "slow" }, undefined],
] as const)("readFault() of %j", (body, fault) => {
  expect(readFault(body)).toEqual(fault);
});

function pieces(answer: Answer, name: FaultName, number = 0): Piece[] {
  return [...planResponse(answer, { name, number }).body];
}

/** The frames that arrive, then how the reading ends. */
function read(body: readonly Piece[]): string[] {
  const reader = createFrameReader(1 << 20);
  const frames: string[] = [];
  try {
    for (const piece of body)
      if (piece.kind === "bytes") for (const frame of reader.push(piece.bytes)) frames.push(frame);
    reader.end();
  } catch (error) {
    frames.push(String(error));
  }
  return frames;
}

test.each([
  ["late", [good(1), '{"data":null,"error":"told to fail later"}']],
  ["skip", [good(1), "no JSON", good(2), good(3)]],
  ["magic", [good(1), "FrameError: magic number mismatch: 123"]],
  ["header", [good(1), "FrameError: header length mismatch: 12"]],
  ["lie", [good(1), good(1).slice(0, -5), "FrameError: magic number mismatch: 34"]],
  ["cut", [good(1), "FrameError: unexpected EOF\nfailed to read data"]],
  ["nil", ['{"data":null,"error":""}']],
  ["wrong", ['{"data":{"surprise":true},"error":""}']],
  ["error", ['{"data":null,"error":"told to fail"}']],
  ["garbage", ["FrameError: magic number mismatch: 110"]],
  ["empty", []],
] as const)("a stream with the fault %s is read as %j", (name, frames) => {
  expect(read(pieces(STREAM, name))).toEqual([...frames]);
});

test("a split stream is a good one in small pieces", () => {
  const body = pieces(STREAM, "split", 3);
  expect(read(body)).toEqual([good(1), good(2), good(3)]);
  expect(Math.max(...body.map((piece) => (piece.kind === "bytes" ? piece.bytes.length : 0)))).toBe(3);
});

test("a burst is as long as asked, and an endless stream goes on", () => {
  expect(read(pieces(STREAM, "burst", 5000))).toHaveLength(5000);
  const endless = planResponse(STREAM, { name: "endless", number: 0 }).body[Symbol.iterator]();
  for (let n = 0; n < 10_000; n++) expect(endless.next().done).toBe(false);
});

test("a big answer has its size in one", () => {
  const [frame, ...rest] = pieces(STREAM, "big", 100_000);
  expect(frame?.kind === "bytes" && frame.bytes.length > 100_000).toBe(true);
  expect(rest).toEqual([]);
});

test("an answer that comes once has the faults that it can have", () => {
  const textOf = (name: FaultName, number = 0) =>
    pieces(ONE, name, number).map((piece) =>
      piece.kind === "bytes" ? Buffer.from(piece.bytes).toString() : piece.kind,
    );
  expect(textOf("cut")).toEqual([good(1).slice(0, good(1).length / 2)]);
  expect(textOf("reset")).toEqual([good(1).slice(0, good(1).length / 2), "pause", "reset"]);
  expect(textOf("error")).toEqual(['{"data":null,"error":"told to fail"}']);
  expect(textOf("silence")).toEqual(["silence"]);
  expect(textOf("burst", 7)).toEqual([good(1)]);
});

test.each([
  ["status", 503, { status: 503 }],
  ["status", 7, { status: 400 }],
  ["html", 0, { status: 502 }],
  ["redirect", 0, { status: 302 }],
  ["slow", 50, { status: 200, delayMs: 50 }],
  ["mute", 0, { delayMs: Infinity }],
] as const)("the head of a response with the fault %s:%d", (name, number, plan) => {
  expect(planResponse(ONE, { name, number })).toMatchObject(plan);
});
