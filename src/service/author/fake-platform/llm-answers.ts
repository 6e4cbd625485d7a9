import { sampleJson } from "../run/sample-json.ts";
import { type Fields, isObject, objects, text } from "./fields.ts";

/** Decimals are texts, as Dify sends them. */
export const USAGE = {
  prompt_tokens: 8,
  prompt_unit_price: "0.001",
  prompt_price_unit: "0.001",
  prompt_price: "0.000008",
  completion_tokens: 2,
  completion_unit_price: "0.002",
  completion_price_unit: "0.001",
  completion_price: "0.000004",
  total_tokens: 10,
  total_price: "0.000012",
  currency: "USD",
  latency: 0.5,
};

const MAX_PIECES = 3;

/**
 * The model says what the user said last, in up to three pieces. With tools it calls one in every round, each once, in
 * their order: when the last message is the answer of a tool, the model says that, and behind the last tool a loop of calls
 * comes to its end.
 */
export function llmChunks(request: Fields): unknown[] {
  const messages = objects(request["prompt_messages"]);
  const last = messages.at(-1);
  const spoken = last?.["role"] === "tool" ? last : messages.findLast(({ role }) => role === "user");
  const words = textOf(spoken?.["content"]) || "Hello";
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const round = messages.slice(asked + 1).filter(({ role }) => role === "tool").length;
  const tool = objects(request["tools"])[round];
  const calls = tool ? [toolCall(tool, round)] : [];
  if (request["stream"] === false)
    return [chunk(request, { index: 0, content: words, tool_calls: calls, usage: USAGE, finish_reason: "" })];
  const pieces = split(words, MAX_PIECES);
  const deltas = [
    ...calls.map((call) => ({ content: "", tool_calls: [call] })),
    ...pieces.map((content) => ({ content })),
  ];
  return deltas.map((delta, index) =>
    chunk(request, {
      index,
      ...delta,
      ...(index === deltas.length - 1 && { usage: USAGE, finish_reason: "stop" }),
    }),
  );
}

/** A value that the schema allows, as text and, in the last chunk, as what it is. */
export function structuredChunks(request: Fields): unknown[] {
  const schema = request["structured_output_schema"];
  const sample = isObject(schema) && Object.keys(schema).length > 0 ? sampleJson(schema) : undefined;
  const structured = isObject(sample) ? sample : { ok: true };
  return [
    chunk(request, { index: 0, content: JSON.stringify(structured) }),
    {
      ...chunk(request, { index: 1, content: "", usage: USAGE, finish_reason: "stop" }),
      structured_output: structured,
    },
  ];
}

function toolCall(tool: Fields, round: number) {
  const parameters = sampleJson(tool["parameters"] ?? {});
  return {
    id: `call-${round + 1}`,
    type: "function",
    function: { name: text(tool["name"]), arguments: JSON.stringify(isObject(parameters) ? parameters : {}) },
  };
}

interface Delta {
  readonly index: number;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
  readonly usage?: typeof USAGE;
  readonly finish_reason?: string;
}

function chunk(request: Fields, { index, content, tool_calls = [], usage, finish_reason }: Delta) {
  return {
    model: text(request["model"]),
    prompt_messages: [],
    system_fingerprint: null,
    delta: {
      index,
      message: { role: "assistant", content, name: null, tool_calls },
      usage: usage ?? null,
      finish_reason: finish_reason ?? null,
    },
  };
}

/** The texts of a content that may be a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return objects(content)
    .map((part) => text(part["data"]))
    .join("");
}

/** By characters, never within one. */
function split(words: string, pieces: number): string[] {
  const characters = Array.from(words);
  const size = Math.ceil(characters.length / pieces);
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, at) =>
    characters.slice(at * size, (at + 1) * size).join(""),
  );
}
