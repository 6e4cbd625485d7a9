import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readLines } from "../../../src/cli/lines.ts";

async function linesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return Array.fromAsync(readLines(body));
}

test("readLines() splits at the line feed only, and counts a last line without one", async () => {
  const bytes = new TextEncoder().encode("a\u2028b\r\n\nlast");
  expect(await linesOf([bytes])).toEqual(["a\u2028b\r", "", "last"]);
  expect(await linesOf([])).toEqual([]);
});

test("readLines() gives the same lines however the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" })),
      fc.integer({ min: 1, max: 7 }),
      async (words, size) => {
        const text = words.map((word) => `${word.replaceAll("\n", "").toWellFormed()}\n`).join("");
        const bytes = new TextEncoder().encode(text);
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
        // A leading U+FEFF is a byte order mark to every decoder of UTF-8.
        fc.pre(!text.startsWith("\ufeff"));
        expect(await linesOf(chunks)).toEqual(text.split("\n").slice(0, -1));
      },
    ),
    { numRuns: 50 },
  );
});
