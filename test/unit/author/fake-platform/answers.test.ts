import { expect, test } from "bun:test";
import { PLATFORM_CALLS } from "../../../../src/protocol/backwards/catalogue.ts";
import { answerOf } from "../../../../src/service/author/fake-platform/answers.ts";
import type { Fields } from "../../../../src/service/author/fake-platform/fields.ts";

const context = { url: "http://127.0.0.1:1" };
const caller = { tenantId: "t1", userId: "u1" };
const model = { provider: "acme/openai/openai", model: "gpt" };
const node = { model: { provider: "p", name: "m", mode: "chat" }, query: "weather in Rome" };

/** A request of every type, as a plugin makes it. */
const REQUESTS: Readonly<Record<string, Fields>> = {
  llm: {
    ...model,
    mode: "chat",
    prompt_messages: [{ role: "user", content: "one two three" }],
    stream: true,
  },
  llm_structured_output: {
    ...model,
    mode: "chat",
    prompt_messages: [],
    structured_output_schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  },
  text_embedding: { ...model, texts: ["a", "b"], input_type: "query" },
  multimodal_embedding: {
    ...model,
    documents: [{ content: "a", content_type: "text" }],
    input_type: "document",
  },
  rerank: { ...model, query: "q", docs: ["a", "b", "c"], top_n: 2 },
  multimodal_rerank: {
    ...model,
    query: { content: "q", content_type: "text" },
    docs: [{ content: "a", content_type: "text" }],
  },
  tts: { ...model, content_text: "hello", voice: "v" },
  speech2text: { ...model, file: "00ff00" },
  moderation: { ...model, text: "a bad word" },
  tool: { tool_type: "builtin", provider: "p", tool: "t", tool_parameters: { tz: "UTC" } },
  app: { app_id: "chat", inputs: {}, query: "hi", response_mode: "streaming" },
  node_parameter_extractor: {
    ...node,
    parameters: [
      { name: "city", type: "string" },
      { name: "days", type: "number" },
      { name: "sunny", type: "bool" },
      { name: "unit", type: "select", options: ["C", "F"] },
      { name: "more", type: "array[string]" },
    ],
  },
  node_question_classifier: {
    ...node,
    classes: [
      { id: "1", name: "weather" },
      { id: "2", name: "rest" },
    ],
  },
  system_summary: { text: "a long text that goes on and on" },
  upload_file: { filename: "a.txt", mimetype: "text/plain" },
  fetch_app: { app_id: "chat" },
};

/** What the platform answers to a request as the daemon sends it, as the plugin gets it. */
function replies(type: string, request: Fields): unknown[] {
  const call = PLATFORM_CALLS.find((each) => each.type === type);
  if (!call) throw new Error(`No such call: ${type}`);
  const body: Fields = JSON.parse(call.prepare({ value: request, exact: request }, caller));
  const answer = answerOf(call.path, body, context);
  expect(answer).toEqual(answerOf(call.path, body, context));
  if (answer?.kind === "one") expect(call.streams).toBe(false);
  if (answer?.kind === "stream") expect(call.streams).toBe(true);
  const data = answer?.kind === "one" ? [answer.data] : answer?.kind === "stream" ? answer.items : [];
  return data.map((item): unknown => JSON.parse(call.decode(item, JSON.stringify(item))));
}

test.each(PLATFORM_CALLS.map(({ type }) => type))(
  "answerOf() gives %s what the contract asks for",
  (type) => {
    expect(replies(type, REQUESTS[type] ?? {}).length).toBeGreaterThan(0);
  },
);

const contentsOf = (chunks: readonly unknown[]) =>
  chunks.map((chunk) => (chunk as { delta: { message: { content: string } } }).delta.message.content);

test("a model says what the user said last, in pieces with rising index, and ends with its usage", () => {
  const chunks = replies("llm", {
    ...REQUESTS["llm"],
    prompt_messages: [{ role: "user", content: "äöü 😀 xyz" }],
  });
  expect(contentsOf(chunks)).toEqual(["äöü", " 😀 ", "xyz"]);
  expect(chunks).toMatchObject([
    { model: "gpt", delta: { index: 0, usage: null, finish_reason: null } },
    { delta: { index: 1 } },
    { delta: { index: 2, finish_reason: "stop", usage: { total_tokens: 10, total_price: "0.000012" } } },
  ]);
});

test("a model that does not stream says it in one", () => {
  const chunks = replies("llm", { ...REQUESTS["llm"], stream: false });
  expect(chunks).toMatchObject([
    {
      delta: {
        index: 0,
        finish_reason: "",
        message: { content: "one two three" },
        usage: { total_tokens: 10 },
      },
    },
  ]);
});

test("a model calls its first tool once, and then says what the tool said", () => {
  const tools = [
    {
      name: "clock",
      description: "",
      parameters: { type: "object", properties: { tz: { enum: ["UTC"] } }, required: ["tz"] },
    },
  ];
  const user = { role: "user", content: "time?" };
  const first = replies("llm", { ...REQUESTS["llm"], prompt_messages: [user], tools });
  expect(first[0]).toMatchObject({
    delta: {
      index: 0,
      message: { tool_calls: [{ type: "function", function: { name: "clock", arguments: '{"tz":"UTC"}' } }] },
    },
  });
  expect(first.slice(1).every((chunk) => JSON.stringify(chunk).includes('"tool_calls":[]'))).toBe(true);
  const said = { role: "tool", content: "12:00", tool_call_id: "call-1" };
  const second = replies("llm", { ...REQUESTS["llm"], prompt_messages: [user, said], tools });
  expect(contentsOf(second).join("")).toBe("12:00");
  expect(JSON.stringify(second)).not.toContain("clock");
});

test("a model with several tools calls one in every round, each once, and then answers", () => {
  const tools = ["a", "b"].map((name) => ({ name, description: "", parameters: {} }));
  const messages: Fields[] = [
    { role: "user", content: "before" },
    { role: "tool", content: "of an earlier question" },
    { role: "user", content: "now" },
  ];
  const called: unknown[] = [];
  for (const content of ["from a", "from b", ""]) {
    const chunks = replies("llm", { ...REQUESTS["llm"], prompt_messages: messages, tools });
    called.push(
      chunks.flatMap((chunk) =>
        (
          chunk as { delta: { message: { tool_calls: { id: string; function: { name: string } }[] } } }
        ).delta.message.tool_calls.map((call) => [call.id, call.function.name]),
      ),
    );
    messages.push({ role: "assistant", content: "" }, { role: "tool", content });
  }
  expect(called).toEqual([[["call-1", "a"]], [["call-2", "b"]], []]);
});

test("structured output follows the schema", () => {
  expect(replies("llm_structured_output", REQUESTS["llm_structured_output"] ?? {}).at(-1)).toMatchObject({
    structured_output: { n: 1 },
  });
});

test("answers follow from the request", () => {
  expect(replies("rerank", REQUESTS["rerank"] ?? {})).toMatchObject([
    {
      docs: [
        { index: 2, text: "c", score: 1 },
        { index: 1, text: "b", score: 0.5 },
      ],
    },
  ]);
  expect(replies("speech2text", REQUESTS["speech2text"] ?? {})).toEqual([{ result: "3" }]);
  expect(replies("moderation", REQUESTS["moderation"] ?? {})).toEqual([{ result: true }]);
  expect(replies("moderation", { ...model, text: "fine" })).toEqual([{ result: false }]);
  expect(replies("tool", REQUESTS["tool"] ?? {})).toMatchObject([
    { type: "text", message: { text: 't: {"tz":"UTC"}' } },
    { type: "json", message: { json_object: { tz: "UTC" } } },
    { type: "variable" },
  ]);
  expect(replies("node_parameter_extractor", REQUESTS["node_parameter_extractor"] ?? {})).toMatchObject([
    { outputs: { city: "weather in Rome", days: 1, sunny: true, unit: "C", more: [] } },
  ]);
  expect(replies("system_summary", REQUESTS["system_summary"] ?? {})).toEqual([
    { summary: "a long text that goe" },
  ]);
  expect(replies("upload_file", REQUESTS["upload_file"] ?? {})).toEqual([
    { url: expect.stringContaining("http://127.0.0.1:1/files/upload/for-plugin?") },
  ]);
});

test("an app is a chat or, by its id, a workflow, streamed or not", () => {
  const events = (request: Fields) =>
    replies("app", { inputs: { a: 1 }, query: "hello", ...request }).map(
      (event) => (event as Fields)["event"],
    );
  expect(events({ app_id: "x", response_mode: "streaming" })).toEqual(["message", "message", "message_end"]);
  expect(replies("app", { app_id: "x", query: "hello", response_mode: "blocking" })).toMatchObject([
    { answer: "hello" },
  ]);
  expect(events({ app_id: "my-workflow", response_mode: "streaming" })).toEqual([
    "workflow_started",
    "workflow_finished",
  ]);
  expect(
    replies("app", { app_id: "my-workflow", inputs: { a: 1 }, response_mode: "blocking" }),
  ).toMatchObject([{ data: { outputs: { a: 1 } } }]);
});

test("encryption touches secrets only, and is undone by decryption", () => {
  const config = [
    { name: "key", type: "secret-input" },
    { name: "empty", type: "secret-input" },
    { name: "region", type: "text-input" },
  ];
  const data = { key: "sécret", empty: "", region: "eu", n: 1 };
  const encrypt = (opt: string, values: Fields) =>
    answerOf("invoke/encrypt", { opt, data: values, config }, context);
  const encrypted = { key: "enc:c8OpY3JldA==", empty: "", region: "eu", n: 1 };
  expect(encrypt("encrypt", data)).toEqual({ kind: "one", data: { data: encrypted } });
  expect(encrypt("decrypt", encrypted)).toEqual({ kind: "one", data: { data } });
  expect(encrypt("decrypt", data)).toEqual({ kind: "one", data: { data } });
  expect(encrypt("clear", data)).toEqual({ kind: "one", data: { data: {} } });
  expect(encrypt("encrypt", { key: "refuse" })).toEqual({ kind: "error", message: "cannot encrypt" });
});

test("answerOf() knows no other route", () => {
  expect(answerOf("invoke/nothing", {}, context)).toBeUndefined();
  expect(answerOf("toString", {}, context)).toBeUndefined();
});
