import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { plainDecimal } from "../actions/decimal.ts";
import type { PluginError } from "../plugin-error.ts";
import { addDecimals } from "./add-decimals.ts";
import { innerError } from "./failure.ts";

/** Actions whose texts may be sent in several requests. */
export type BatchedAction = "invoke_text_embedding" | "get_text_embedding_num_tokens";

/** The request, or a part of the answer, does not fit; carries what the caller is told. */
export class BatchError extends Error {
  readonly error: PluginError;
  /** Of a mismatch, for metrics. */
  readonly reason: string | undefined;
  constructor(message: string, reason?: string) {
    super(message);
    this.name = "BatchError";
    this.error = innerError(message);
    this.reason = reason;
  }
}

/** Undefined for every other action: those are refused when they are too large, never split. */
export function batchedAction(action: unknown): BatchedAction | undefined {
  return action === "invoke_text_embedding" || action === "get_text_embedding_num_tokens"
    ? action
    : undefined;
}

export interface PayloadSize {
  readonly action: string;
  readonly payloadBytes: number;
  readonly maxBytes: number;
  readonly itemIndex?: number;
}

export function payloadTooLarge({ action, payloadBytes, maxBytes, itemIndex }: PayloadSize): BatchError {
  const item = itemIndex === undefined ? "" : ` item_index=${itemIndex}`;
  return new BatchError(
    `ServerlessPayloadTooLarge: action=${action} payload_bytes=${payloadBytes} max_request_bytes=${maxBytes}${item}`,
  );
}

/**
 * Splits texts in order, each batch as large as it may be (contract/plugin-wire 3.6). `emptyBytes` is the size of the
 * message without any text. Throws `BatchError` where a text, or the message itself, does not fit.
 */
export function splitTexts(
  texts: readonly unknown[],
  options: { readonly action: string; readonly emptyBytes: number; readonly maxBytes: number },
): readonly (readonly unknown[])[] {
  const { action, emptyBytes, maxBytes } = options;
  if (emptyBytes > maxBytes) throw payloadTooLarge({ action, payloadBytes: emptyBytes, maxBytes });
  const batches: unknown[][] = [];
  let batch: unknown[] = [];
  let bytes = emptyBytes;
  for (const [itemIndex, text] of texts.entries()) {
    const size = Buffer.byteLength(JSON.stringify(text));
    if (emptyBytes + size > maxBytes)
      throw payloadTooLarge({ action, payloadBytes: emptyBytes + size, maxBytes, itemIndex });
    if (batch.length > 0 && bytes + 1 + size > maxBytes) {
      batches.push(batch);
      batch = [];
      bytes = emptyBytes;
    }
    bytes += size + (batch.length > 0 ? 1 : 0);
    batch.push(text);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** An item as the function wrote it. */
export interface BatchItem {
  readonly value: unknown;
  readonly raw: string;
}

/** What one batch was answered: normally with a single item. */
export interface BatchAnswer {
  /** Texts that were sent. */
  readonly expected: number;
  readonly items: readonly BatchItem[];
}

/**
 * The answers of all batches as one item: vectors and counts keep their own digits, prices are summed as decimals.
 * Throws `BatchError` where they do not fit together.
 */
export function mergeAnswers(action: BatchedAction, answers: readonly BatchAnswer[]): BatchItem {
  return action === "invoke_text_embedding" ? mergeEmbeddings(action, answers) : mergeCounts(action, answers);
}

interface Mismatch {
  readonly action: string;
  readonly batchIndex: number;
  readonly expected: number;
  readonly actual: number;
  readonly responses: number;
  readonly reason: string;
}

function mismatch({ action, batchIndex, expected, actual, responses, reason }: Mismatch): BatchError {
  return new BatchError(
    `ServerlessBatchResultMismatch: action=${action} batch_index=${batchIndex} expected_items=${expected} ` +
      `actual_items=${actual} response_count=${responses} reason=${reason}`,
    reason,
  );
}

/** The list of each batch as its text between the brackets, checked for its length. */
function lists(
  action: BatchedAction,
  {
    answers,
    key,
    reason,
  }: { readonly answers: readonly BatchAnswer[]; readonly key: string; readonly reason: string },
) {
  return answers.map(({ expected, items }, batchIndex) => {
    const [item] = items;
    const fail = (actual: number, why: string) =>
      mismatch({ action, batchIndex, expected, actual, responses: items.length, reason: why });
    if (!item || items.length !== 1) throw fail(0, "response_count");
    const value = isRecord(item.value) ? item.value : {};
    const list = value[key];
    if (!Array.isArray(list) || list.length !== expected)
      throw fail(Array.isArray(list) ? list.length : 0, reason);
    const raw = rawMember(item.raw, [key])?.trim() ?? JSON.stringify(list);
    return { item, value, inner: raw.slice(1, -1), fail, count: list.length };
  });
}

function mergeCounts(action: BatchedAction, answers: readonly BatchAnswer[]): BatchItem {
  const parts = lists(action, { answers, key: "num_tokens", reason: "token_count" });
  return item(`{"num_tokens":[${parts.map(({ inner }) => inner).join(",")}]}`);
}

const SAME = ["unit_price", "price_unit", "currency"] as const;

function mergeEmbeddings(action: BatchedAction, answers: readonly BatchAnswer[]): BatchItem {
  const parts = lists(action, { answers, key: "embeddings", reason: "embedding_count" });
  const [first] = parts;
  if (!first) return item('{"model":"","embeddings":[],"usage":null}');
  const model = first.value["model"];
  const usages = parts.map(({ value, fail, count }) => {
    if (value["model"] !== model) throw fail(count, "model");
    return readUsage(value["usage"], () => fail(count, "missing_usage_field"));
  });
  for (const [at, { fail, count }] of parts.entries())
    for (const key of SAME) if (usages[at]?.[key] !== usages[0]?.[key]) throw fail(count, key);
  const usage = {
    tokens: sum(usages.map(({ tokens }) => tokens)),
    total_tokens: sum(usages.map((one) => one.total_tokens)),
    unit_price: usages[0]?.unit_price,
    price_unit: usages[0]?.price_unit,
    total_price: addDecimals(usages.map((one) => one.total_price)),
    currency: usages[0]?.currency,
    latency: sum(usages.map(({ latency }) => latency)),
  };
  const rest = Object.entries(first.value).filter(([key]) => key !== "embeddings" && key !== "usage");
  const head = rest
    .map(([key]) => `${JSON.stringify(key)}:${rawMember(first.item.raw, [key]) ?? "null"},`)
    .join("");
  const vectors = parts.map(({ inner }) => inner).join(",");
  return item(`{${head}"embeddings":[${vectors}],"usage":${JSON.stringify(usage)}}`);
}

function readUsage(usage: unknown, missing: () => BatchError) {
  if (!isRecord(usage)) throw missing();
  const { tokens, total_tokens, unit_price, price_unit, total_price, currency, latency } = usage;
  if (typeof tokens !== "number" || typeof total_tokens !== "number" || typeof latency !== "number")
    throw missing();
  if (typeof currency !== "string") throw missing();
  return {
    tokens,
    total_tokens,
    latency,
    currency,
    unit_price: decimal(unit_price, missing),
    price_unit: decimal(price_unit, missing),
    total_price: decimal(total_price, missing),
  };
}

/** Prices are texts; a plain number will do. The same price may be written in several ways. */
function decimal(value: unknown, missing: () => BatchError): string {
  const text = plainDecimal(value);
  if (typeof text !== "string" || !/^-?\d+(?:\.\d+)?$/.test(text)) throw missing();
  return text;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, next) => total + next, 0);
}

function item(raw: string): BatchItem {
  const value: unknown = JSON.parse(raw);
  return { value, raw };
}
