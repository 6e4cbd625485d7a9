import { expect, spyOn, test } from "bun:test";
import * as fc from "fast-check";
import { createLineSplitter } from "../../../src/lib/line-splitter.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function feed(limit: number, chunks: readonly Uint8Array[]) {
  const splitter = createLineSplitter(limit);
  let text = "";
  const oversize: number[] = [];
  for (const part of [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.flush()])
    if (typeof part === "string") text += part;
    else oversize.push(part.sizeBytes);
  return { text, oversize };
}

test("createLineSplitter() hands over complete lines and keeps the rest", () => {
  const splitter = createLineSplitter(100);
  expect(splitter.push(bytes("a\nb"))).toEqual(["a\n"]);
  expect(splitter.push(bytes("c"))).toEqual([]);
  expect(splitter.push(bytes("\n\nd"))).toEqual(["bc\n\n"]);
  expect(splitter.flush()).toEqual(["d"]);
  expect(splitter.flush()).toEqual([]);
});

test("createLineSplitter() gives the same text however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.nat(20)), (text, cuts) => {
      const all = bytes(text);
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(all.subarray(at, at + cut));
        at = Math.min(all.length, at + cut);
      }
      chunks.push(all.subarray(at));
      expect(feed(1_000_000, chunks).text).toBe(text);
    }),
  );
});

test("createLineSplitter() drops a line above the limit, counts it, and goes on", () => {
  const long = "x".repeat(50);
  expect(feed(10, [bytes("ok\n"), bytes(long), bytes(long), bytes("yyy\nfine\n")])).toEqual({
    text: "ok\nfine\n",
    oversize: [103],
  });
});

test("createLineSplitter() finds a long line among short ones in one chunk", () => {
  expect(feed(10, [bytes(`a\n${"x".repeat(11)}\nb\n`)])).toEqual({ text: "a\nb\n", oversize: [11] });
});

test("createLineSplitter() keeps a long line in its place, however the bytes are cut", () => {
  const input = `a\n${"x".repeat(25)}\nb\nc\n${"y".repeat(11)}\nd\n`;
  const orderOf = (chunks: readonly Uint8Array[]) => {
    const splitter = createLineSplitter(10);
    return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.flush()]
      .flatMap((part) => (typeof part === "string" ? part.trimEnd().split("\n") : [String(part.sizeBytes)]))
      .join();
  };
  for (let cut = 0; cut <= input.length; cut++)
    expect(orderOf([bytes(input.slice(0, cut)), bytes(input.slice(cut))])).toBe("a,25,b,c,11,d");
});

test("createLineSplitter() allows a line of exactly the limit", () => {
  expect(feed(10, [bytes(`${"x".repeat(10)}\n`)])).toEqual({ text: `${"x".repeat(10)}\n`, oversize: [] });
});

test("createLineSplitter() keeps the head of a dropped line and no more", () => {
  const splitter = createLineSplitter(1000);
  splitter.push(bytes(`{"session_id":"s"${" ".repeat(2000)}`));
  const head = splitter
    .push(bytes("\n"))
    .map((part) => (typeof part === "string" ? part : part.head))
    .join();
  expect(head).toStartWith('{"session_id":"s"');
  expect(head.length).toBeLessThanOrEqual(512);
});

test("createLineSplitter() turns invalid UTF-8 into U+FFFD and keeps the lines", () => {
  expect(feed(100, [new Uint8Array([0xff, 0xfe, 10]), bytes("ok\n")]).text).toBe("\ufffd\ufffd\nok\n");
});

test("createLineSplitter() reports an unfinished long line at the end", () => {
  expect(feed(10, [bytes("x".repeat(25))])).toEqual({ text: "", oversize: [25] });
});

test("createLineSplitter() keeps a line of single bytes in few pieces", () => {
  const splitter = createLineSplitter(1_000_000);
  const byte = bytes("x");
  const concat = spyOn(Buffer, "concat");
  for (let i = 0; i < 5000; i++) splitter.push(byte);
  const [part] = splitter.push(bytes("\n"));
  expect(part).toBe(`${"x".repeat(5000)}\n`);
  // At last: what was joined before, the rest, and the end of the line.
  expect(concat.mock.calls.at(-1)?.[0]).toHaveLength(4 + (5000 % 1024) + 1);
  concat.mockRestore();
});
