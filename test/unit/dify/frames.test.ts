import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createFrameReader, encodeFrame, FrameError } from "../../../src/dify/frames.ts";

const MAX = 1024 * 1024;

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
    return error instanceof Error ? error.message : "";
  }
  return "nothing was thrown";
}

function readAll(payloads: Iterable<string>): readonly string[] {
  return [...payloads];
}

describe("createFrameReader()", () => {
  test("reads the example of the contract", () => {
    const payload = '{"data":{"result":"00ff"},"error":""}';
    const head = Buffer.from("0f000a00250000000000000000 00".replace(" ", ""), "hex");
    expect(encodeFrame(payload)).toEqual(Buffer.concat([head, Buffer.from(payload)]));
    expect([...createFrameReader(MAX).push(encodeFrame(payload))]).toEqual([payload]);
  });

  test("gives the same payloads however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme" })),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (texts, cuts) => {
          const all = Buffer.concat(texts.map(encodeFrame));
          const reader = createFrameReader(MAX);
          const got: string[] = [];
          let at = 0;
          for (const cut of [...cuts, all.length]) {
            got.push(...reader.push(all.subarray(at, at + cut)));
            at = Math.min(all.length, at + cut);
          }
          reader.end();
          expect(got).toEqual(texts);
        },
      ),
    );
  });

  test("refuses what is no frame with the words that plugins know", () => {
    expect(messageOf(() => readAll(createFrameReader(MAX).push(Buffer.from('{"data"'))))).toBe(
      "magic number mismatch: 123",
    );
    expect(messageOf(() => readAll(createFrameReader(MAX).push(Buffer.from("0f000b00", "hex"))))).toBe(
      "header length mismatch: 11",
    );
    const long = Buffer.from(encodeFrame("x"));
    long.writeUInt32LE(MAX + 1, 4);
    expect(messageOf(() => readAll(createFrameReader(MAX).push(long)))).toBe(
      `data length is too long: ${MAX + 1}`,
    );
  });

  test("hands over what came before the break", () => {
    const reader = createFrameReader(MAX);
    const payloads = reader.push(Buffer.concat([encodeFrame("a"), encodeFrame("b"), Buffer.from("x")]));
    expect([payloads.next().value, payloads.next().value]).toEqual(["a", "b"]);
    expect(messageOf(() => payloads.next())).toBe("magic number mismatch: 120");
  });

  test("tells how much of a frame is waiting", () => {
    const reader = createFrameReader(MAX);
    readAll(reader.push(Buffer.concat([encodeFrame("abc"), encodeFrame("defg").subarray(0, 16)])));
    expect(reader.pendingBytes).toBe(16);
    expect(readAll(reader.push(encodeFrame("defg").subarray(16)))).toEqual(["defg"]);
    expect(reader.pendingBytes).toBe(0);
  });

  test("tells where a body was cut", () => {
    const frame = encodeFrame("hello");
    const cut = (bytes: number) => {
      const reader = createFrameReader(MAX);
      readAll(reader.push(frame.subarray(0, bytes)));
      return messageOf(() => reader.end());
    };
    expect([2, 4, 9, 14, 16].map(cut)).toEqual([
      "unexpected EOF\nfailed to read system header",
      "EOF\nfailed to read header",
      "unexpected EOF\nfailed to read header",
      "EOF\nfailed to read data",
      "unexpected EOF\nfailed to read data",
    ]);
  });

  test("ends well between frames, and with none at all", () => {
    const reader = createFrameReader(MAX);
    reader.end();
    readAll(reader.push(encodeFrame("a")));
    reader.end();
  });
});
