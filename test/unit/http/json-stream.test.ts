import { describe, expect, test } from "bun:test";
import { successStream } from "../../../src/http/json-stream.ts";
import { rejection } from "../../support/rejection.ts";
import type { JsonPiece, JsonPieces } from "../../../src/service/json-pieces.ts";

const LARGE = new Uint8Array(200_000).fill(0x31);

/** Pieces that tell how many were taken and whether the rest was let go. */
function source(pieces: readonly (JsonPiece | Error)[]) {
  const seen = { taken: 0, over: false };
  async function* pull(): JsonPieces {
    try {
      for (const piece of pieces) {
        seen.taken++;
        if (piece instanceof Error) throw piece;
        yield piece;
      }
    } finally {
      seen.over = true;
    }
  }
  return { seen, pieces: pull() };
}

describe("successStream()", () => {
  test("answers what is small as a whole", async () => {
    const { pieces } = source(["[", new TextEncoder().encode('"ä"'), "]"]);
    const response = await successStream(pieces);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.text()).toBe('{"code":0,"message":"success","data":["ä"]}');
  });

  test("answers any mixture of pieces unchanged", async () => {
    const small = "2".repeat(999);
    const mixture = ["[", small, ",", LARGE, ",", LARGE, ...Array<string>(300).fill(`,${small}`), "]"];
    const response = await successStream(source(mixture).pieces);
    const data = mixture
      .map((piece) => (typeof piece === "string" ? piece : "1".repeat(piece.length)))
      .join("");
    expect(await response.text()).toBe(`{"code":0,"message":"success","data":${data}}`);
  });

  test("fails like any other answer when the first pieces fail", async () => {
    const attempt = successStream(source(["[", new Error("the disk is gone")]).pieces);
    expect(String(await rejection(attempt))).toContain("the disk is gone");
  });

  test("breaks off when a later piece fails", async () => {
    const response = await successStream(source([LARGE, LARGE, new Error("the disk is gone")]).pieces);
    expect(String(await rejection(response.text()))).toContain("the disk is gone");
  });

  test("takes no more than the client reads", async () => {
    const { seen, pieces } = source(Array<JsonPiece>(100).fill(LARGE));
    const response = await successStream(pieces);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    expect(seen.taken).toBeLessThan(6);
    await reader?.cancel();
  });

  test("lets the rest go when the client leaves", async () => {
    const { seen, pieces } = source(Array<JsonPiece>(100).fill(LARGE));
    const response = await successStream(pieces);
    await response.body?.cancel();
    expect(seen.over).toBe(true);
    expect(seen.taken).toBeLessThan(6);
  });

  test("does not write to the bytes that it was given, which others send at the same time", async () => {
    const bytes = new Uint8Array(100_000).fill(0x31);
    const answers = await Promise.all([1, 2, 3].map(() => successStream(source([bytes, bytes]).pieces)));
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(texts).size).toBe(1);
    expect(bytes.every((byte) => byte === 0x31)).toBe(true);
  });
});
