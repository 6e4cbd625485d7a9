import { expect, test } from "bun:test";
import type { PluginPermission } from "../../../src/protocol/declaration.ts";
import { mockPlatform, type MockReply } from "../../../src/service/author/run/mock-platform.ts";

const ALL: PluginPermission = {
  tool: { enabled: true },
  model: {
    enabled: true,
    llm: true,
    text_embedding: true,
    rerank: true,
    tts: true,
    speech2text: true,
    moderation: true,
  },
  node: { enabled: true },
  app: { enabled: true },
  storage: { enabled: true, size: 1024 },
};
const MODEL = { provider: "p", model: "m" };
const LLM = { ...MODEL, mode: "chat", prompt_messages: [] };

function ask(
  type: string,
  request: unknown,
  changed: Partial<Parameters<typeof mockPlatform>[1]> = {},
): MockReply {
  return mockPlatform(
    { type, backwards_request_id: "r", request },
    { permission: ALL, callType: "tool", ...changed },
  );
}

function items(reply: MockReply): unknown[] {
  if (reply.kind === "malformed") throw new Error(reply.detail);
  expect(reply.events.at(-1)).toEqual({ event: "end", message: "", data: null });
  const answers = reply.events.slice(0, -1);
  expect(answers.map(({ event }) => event)).toEqual(answers.map(() => "response"));
  return answers.map(({ data }) => data);
}

function error(reply: MockReply): string {
  if (reply.kind === "malformed") throw new Error(reply.detail);
  expect(reply.events.map(({ event }) => event)).toEqual(["error", "end"]);
  return reply.events[0]?.message ?? "";
}

interface Chunk {
  readonly delta: {
    readonly index: number;
    readonly message: { readonly content: string; readonly tool_calls: readonly unknown[] };
    readonly usage: { readonly total_tokens: number } | null;
  };
  readonly structured_output?: unknown;
}

// The answers are `unknown` on purpose: the plugin decodes them.
const chunks = (reply: MockReply) => items(reply) as Chunk[];

test("an LLM answers in five pieces, the last of which has the usage", () => {
  const answer = chunks(ask("llm", LLM));
  expect(answer.map(({ delta }) => delta.message.content)).toEqual(["hello", " world", " world", " !", " !"]);
  expect(answer.map(({ delta }) => delta.usage?.total_tokens)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    200,
  ]);
});

test("an LLM with tools first calls one, with arguments that its schema allows", () => {
  const tools = [{ name: "add", parameters: { properties: { n: { type: "integer" } }, required: ["n"] } }];
  const [first, ...rest] = chunks(ask("llm", { ...LLM, tools }));
  expect(first?.delta.message.tool_calls).toEqual([
    { id: "call_mock", type: "function", function: { name: "add", arguments: '{"n":1}' } },
  ]);
  expect(rest).toHaveLength(5);
});

test("structured output comes as ten pieces of JSON, and then whole", () => {
  const structured_output_schema = { properties: { name: { type: "string" }, age: { type: "integer" } } };
  const answer = chunks(ask("llm_structured_output", { ...LLM, structured_output_schema }));
  expect(answer).toHaveLength(11);
  const text = answer.map(({ delta }) => delta.message.content).join("");
  expect(JSON.parse(text)).toEqual({ name: "text", age: 1 });
  expect(answer.at(-1)?.structured_output).toEqual({ name: "text", age: 1 });
});

test("unary calls have one answer each", () => {
  const answers: readonly (readonly [string, Record<string, unknown>, unknown])[] = [
    ["rerank", { ...MODEL, query: "q", docs: ["a", "b"] }, { model: "m", docs: [doc(0, "a"), doc(1, "b")] }],
    ["speech2text", { ...MODEL, file: "00" }, { result: "hello world" }],
    ["moderation", { ...MODEL, text: "t" }, { result: true }],
    ["system_summary", { text: "t" }, { summary: "t" }],
    ["fetch_app", { app_id: "a" }, { name: "test" }],
    [
      "node_question_classifier",
      { classes: [{ id: "1", name: "c" }], model: {}, query: "q" },
      { process_data: {}, inputs: {}, outputs: { class_name: "c" } },
    ],
    [
      "node_parameter_extractor",
      { parameters: [{ name: "n", type: "number" }], model: {}, query: "q" },
      { process_data: {}, inputs: { query: "q" }, outputs: { n: 1234567890 } },
    ],
  ];
  for (const [type, request, expected] of answers)
    expect([type, items(ask(type, request))]).toEqual([type, [expected]]);
});

function doc(index: number, text: string) {
  return { index, text, score: 0.1 };
}

test("embeddings have a vector of ten numbers for each text", () => {
  const [answer] = items(ask("text_embedding", { ...MODEL, texts: ["a", "b"], input_type: "query" }));
  const vector = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
  expect(answer).toMatchObject({ model: "m", embeddings: [vector, vector], usage: { total_tokens: 100 } });
});

test("tools, speech and apps stream", () => {
  expect(items(ask("tool", { tool_type: "builtin", provider: "p", tool: "t" }))).toHaveLength(10);
  expect(items(ask("tts", { ...MODEL, content_text: "t", voice: "v" }))).toEqual(
    Array.from({ length: 10 }, () => ({ result: "a1b2c3d4" })),
  );
  expect(items(ask("app", { app_id: "a" })).map((event) => Reflect.get(Object(event), "event"))).toEqual([
    "agent_message",
    "agent_message",
    "agent_message",
    "message_end",
    "message_file",
  ]);
});

test("nothing is kept", () => {
  expect(error(ask("storage", { opt: "get", key: "k" }))).toBe("persistence not found");
});

test.each([
  ["tool", "tool"],
  ["llm", "llm"],
  ["llm_structured_output", "llm"],
  ["system_summary", "llm"],
  ["text_embedding", "text-embedding"],
  ["multimodal_embedding", "text-embedding"],
  ["rerank", "rerank"],
  ["multimodal_rerank", "rerank"],
  ["tts", "tts"],
  ["speech2text", "speech2text"],
  ["moderation", "moderation"],
  ["node_parameter_extractor", "node"],
  ["node_question_classifier", "node"],
  ["app", "app"],
  ["fetch_app", "app"],
  ["storage", "storage"],
] as const)("%s needs %s in the manifest", (type, words) => {
  const refusal = `permission denied, you need to enable ${words} access in plugin manifest`;
  expect(error(ask(type, {}, { permission: undefined }))).toBe(refusal);
  expect(error(ask(type, {}, { permission: { model: { enabled: true } } }))).toBe(refusal);
  expect(error(ask(type, {}, { permission: { ...ALL, model: { ...ALL.model, enabled: false } } }))).toBe(
    ["tool", "node", "app", "storage"].includes(words) ? error(ask(type, {})) : refusal,
  );
});

test("a file may always be uploaded, and nothing is asked by a plugin that is called as a model", () => {
  expect(items(ask("upload_file", { filename: "f", mimetype: "m" }, { permission: undefined }))).toHaveLength(
    1,
  );
  expect(error(ask("llm", LLM, { callType: "model" }))).toBe("you can not invoke dify from model");
});

test.each(["encrypt", "nothing", "constructor"])("the type %s is unknown", (type) => {
  expect(error(ask(type, {}))).toBe(`unsupported invoke type: ${type}`);
});

test("what is missing is named", () => {
  expect(error(ask("rerank", { provider: "p", docs: null, query: "" }))).toBe(
    "unmarshal backwards invoke request failed: missing model, query, docs",
  );
});

test.each([
  [7, "unmarshal invoke request failed: it is no object"],
  [{}, "invoke request missing type: it is no text"],
  [{ type: "llm" }, "invoke request missing request_id: it is no text"],
  [
    { type: "llm", backwards_request_id: "r", request: [] },
    "invoke request missing request: it is no object",
  ],
])("%j is no call back", (call, detail) => {
  expect(mockPlatform(call, { permission: ALL, callType: "tool" })).toEqual({ kind: "malformed", detail });
});
