import { expect, test } from "bun:test";
import { type JsonPieces, jsonList, jsonObject, jsonWrapped } from "../../../src/service/json-pieces.ts";

async function read(pieces: JsonPieces): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) text += typeof piece === "string" ? piece : decoder.decode(piece);
  return JSON.parse(text);
}

async function* all(pieces: readonly (string | Uint8Array)[]): JsonPieces {
  yield* pieces;
}

test("jsonObject() puts members that are JSON behind the fields", async () => {
  const bytes = new TextEncoder().encode('{"n":1.0}');
  expect(await read(all(jsonObject({ a: "ä" }, {})))).toEqual({ a: "ä" });
  expect(await read(all(jsonObject({ a: 1 }, { b: bytes, "c d": "[2]" })))).toEqual({
    a: 1,
    b: { n: 1 },
    "c d": [2],
  });
});

test("jsonList() tells rows in order and leaves out those that come to nothing", async () => {
  const list = (rows: readonly number[]) =>
    read(jsonList(rows, (n) => Promise.resolve(n < 0 ? undefined : [`${n}`, "1"])));
  expect(await list([])).toEqual([]);
  expect(await list([-1])).toEqual([]);
  expect(await list([-1, 1, -1, 2, 3, -1])).toEqual([11, 21, 31]);
});

test("jsonList() asks for a row when it is its turn", async () => {
  const asked: number[] = [];
  const list = jsonList([1, 2, 3], (n) => {
    asked.push(n);
    return Promise.resolve([String(n)]);
  })[Symbol.asyncIterator]();
  await list.next();
  expect(asked).toEqual([1]);
});

test("jsonWrapped() surrounds what is inside", async () => {
  expect(await read(jsonWrapped('{"list":', all(["[", "1]"]), ',"total":1}'))).toEqual({
    list: [1],
    total: 1,
  });
});
