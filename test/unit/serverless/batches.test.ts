import { describe, expect, test } from "bun:test";
import { addDecimals } from "../../../src/protocol/serverless/add-decimals.ts";
import {
  type BatchAnswer,
  BatchError,
  batchedAction,
  mergeAnswers,
  splitTexts,
} from "../../../src/protocol/serverless/batches.ts";

const EMBEDDING = "invoke_text_embedding";
const COUNT = "get_text_embedding_num_tokens";

function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (cause) {
    if (cause instanceof BatchError) return cause.error.message;
    throw cause;
  }
  return "nothing was thrown";
}

describe("splitTexts()", () => {
  const split = (texts: readonly string[], maxBytes: number) =>
    splitTexts(texts, { action: EMBEDDING, emptyBytes: 10, maxBytes });

  test("fills each batch in order, commas counted", () => {
    // A text costs its quotes as well: "aa" is 4 bytes, so two of them with a comma are 9.
    expect(split(["aa", "bb", "cc"], 19)).toEqual([["aa", "bb"], ["cc"]]);
    expect(split(["aa", "bb", "cc"], 18)).toEqual([["aa"], ["bb"], ["cc"]]);
    expect(split(["aa", "bb", "cc"], 24)).toEqual([["aa", "bb", "cc"]]);
  });

  test("counts bytes and escapes, not characters", () => {
    expect(split(["é", 'a"'], 19)).toEqual([["é"], ['a"']]);
    expect(split(["é", 'a"'], 20)).toEqual([["é", 'a"']]);
  });

  test("names the text that alone does not fit", () => {
    expect(errorOf(() => split(["aa", "bbbbbbbbbb"], 20))).toBe(
      "ServerlessPayloadTooLarge: action=invoke_text_embedding payload_bytes=22 max_request_bytes=20 item_index=1",
    );
  });

  test("names the message that does not fit without any text", () => {
    expect(errorOf(() => split(["aa"], 9))).toBe(
      "ServerlessPayloadTooLarge: action=invoke_text_embedding payload_bytes=10 max_request_bytes=9",
    );
  });
});

test("batchedAction() knows the two that are split", () => {
  expect([EMBEDDING, COUNT, "invoke_rerank", undefined].map(batchedAction)).toEqual([
    EMBEDDING,
    COUNT,
    undefined,
    undefined,
  ]);
});

const usage = {
  tokens: 2,
  total_tokens: 3,
  unit_price: "0.10",
  price_unit: "0.001",
  total_price: "0.0002",
  currency: "USD",
  latency: 0.25,
};
const vectors = (
  embeddings: string,
  more: object = {},
  spent: object | null = usage,
): BatchAnswer["items"][0] => {
  const rest = JSON.stringify({ model: "m", ...more }).slice(0, -1);
  const raw = `${rest},"embeddings":${embeddings},"usage":${JSON.stringify(spent)}}`;
  return { raw, value: JSON.parse(raw) };
};
const counts = (list: string): BatchAnswer["items"][0] => {
  const raw = `{"num_tokens":${list}}`;
  return { raw, value: JSON.parse(raw) };
};

describe("mergeAnswers()", () => {
  test("strings vectors together with their own digits, and sums what was spent", () => {
    const merged = mergeAnswers(EMBEDDING, [
      { expected: 2, items: [vectors("[[1.0,0.1],[2,-0]]")] },
      { expected: 1, items: [vectors("[ [1e400] ]", {}, { ...usage, unit_price: "0.1", total_price: 0.1 })] },
    ]);
    expect(merged.raw).toBe(
      '{"model":"m","embeddings":[[1.0,0.1],[2,-0], [1e400] ],"usage":{"tokens":4,"total_tokens":6,' +
        '"unit_price":"0.1","price_unit":"0.001","total_price":"0.1002","currency":"USD","latency":0.5}}',
    );
  });

  test("strings counts together", () => {
    const merged = mergeAnswers(COUNT, [
      { expected: 2, items: [counts("[1,2]")] },
      { expected: 1, items: [counts("[3]")] },
    ]);
    expect(merged).toEqual({ raw: '{"num_tokens":[1,2,3]}', value: { num_tokens: [1, 2, 3] } });
  });

  const first = { expected: 1, items: [vectors("[[1]]")] };
  const second = (item: BatchAnswer["items"][0]) => [first, { expected: 1, items: [item] }];
  test.each<[string, readonly BatchAnswer[], number, number, number]>([
    ["response_count", [first, { expected: 1, items: [] }], 1, 0, 0],
    ["response_count", [first, { expected: 1, items: [vectors("[[1]]"), vectors("[[1]]")] }], 1, 0, 2],
    ["embedding_count", second(vectors("[[1],[2]]")), 1, 2, 1],
    ["model", second(vectors("[[1]]", { model: "other" })), 1, 1, 1],
    ["missing_usage_field", second(vectors("[[1]]", {}, null)), 1, 1, 1],
    ["missing_usage_field", second(vectors("[[1]]", {}, { ...usage, latency: undefined })), 1, 1, 1],
    ["unit_price", second(vectors("[[1]]", {}, { ...usage, unit_price: "0.2" })), 1, 1, 1],
    ["price_unit", second(vectors("[[1]]", {}, { ...usage, price_unit: "1" })), 1, 1, 1],
    ["currency", second(vectors("[[1]]", {}, { ...usage, currency: "EUR" })), 1, 1, 1],
  ])("of answers that do not fit together says %s", (reason, answers, at, actual, responses) => {
    expect(errorOf(() => mergeAnswers(EMBEDDING, answers))).toBe(
      `ServerlessBatchResultMismatch: action=invoke_text_embedding batch_index=${at} expected_items=1 ` +
        `actual_items=${actual} response_count=${responses} reason=${reason}`,
    );
  });

  test("of counts that do not fit says token_count", () => {
    expect(errorOf(() => mergeAnswers(COUNT, [{ expected: 2, items: [counts("[1]")] }]))).toEndWith(
      "expected_items=2 actual_items=1 response_count=1 reason=token_count",
    );
  });
});

test.each([
  [["0.1", "0.2"], "0.3"],
  [["1", "2.50"], "3.50"],
  [["-0.05", "0.02"], "-0.03"],
  [["0.0000000000000000001", "1"], "1.0000000000000000001"],
  [[], "0"],
])("addDecimals(%j) is exactly %s", (texts, sum) => {
  expect(addDecimals(texts)).toBe(sum);
});
