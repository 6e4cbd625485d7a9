import { CONVERSATION, TOOL } from "../../support/prompt.ts";
import type { Scenario, Step } from "./scenario.ts";
import { callsOf, hexOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const FREE = { freeText: true } as const;
const CREDENTIALS = { api_key: "good-1" };
const call = callsOf("gold/kitchen-models");

function model(type: string, name: string, more: object = {}) {
  return { provider: "kitchen", model_type: type, model: name, credentials: CREDENTIALS, ...more };
}

function user(content: unknown) {
  return { role: "user", content, name: null };
}

function llm(name: string, more: object, options: Partial<Step> = {}): Step {
  const defaults = { prompt_messages: [user("hi")], model_parameters: {}, tools: null, stop: null };
  return call(name, "/llm/invoke", model("llm", "chef-1", { ...defaults, stream: true, ...more }), options);
}

const DECLARATIONS: readonly Step[] = [
  { name: "models", path: `${MANAGEMENT}/models?page=1&page_size=256`, unordered: ["json.data"] },
  { name: "models, second page", path: `${MANAGEMENT}/models?page=2&page_size=10` },
  { name: "models without paging", path: `${MANAGEMENT}/models`, ...FREE },
  { name: "bindings", path: `${MANAGEMENT}/models/bindings` },
  { name: "list of models by category", path: `${MANAGEMENT}/model/list?page=1&page_size=10` },
];

const LLM: readonly Step[] = [
  llm("llm", {}),
  llm("llm, unknown model", { model: "nobody" }),
  llm("llm, echo", {
    prompt_messages: CONVERSATION,
    model_parameters: { echo: true, temperature: 0.5 },
    tools: [TOOL],
    stop: ["x", "y"],
  }),
  llm("llm, tool calls", { tools: [TOOL, { ...TOOL, name: "g" }] }),
  llm("llm, not streamed", { stream: false }),
  {
    ...llm("llm, stream left out", {}),
    body: {
      json: {
        user_id: "u",
        data: model("llm", "chef-1", { prompt_messages: [user("hi")], model_parameters: {} }),
      },
    },
  },
  llm("llm, json schema", { json_schema: { type: "object" } }),
  llm("llm, tool choice", { tools: [TOOL], tool_choice: { mode: "tool", name: "f" } }),
  llm("llm, bad tool choice", { tools: [TOOL], tool_choice: { mode: "nonsense" } }, FREE),
  llm("llm, tool without a name", { tools: [{ description: "d", parameters: {} }] }, FREE),
  llm("llm, replay state", {
    prompt_messages: [
      {
        role: "assistant",
        content: "x",
        tool_calls: [],
        opaque_body: { n: JSON.rawJSON("9007199254740993"), s: "sig" },
      },
    ],
    model_parameters: { echo: true },
  }),
  ...["auth", "rate", "connection", "unavailable", "bad", "other"].map((error) =>
    llm(`llm, error ${error}`, { model_parameters: { error } }),
  ),
  llm("llm, error later", { model_parameters: { error: "rate", after: 2 } }),
  llm("llm, error not streamed", { stream: false, model_parameters: { error: "auth" } }),
  llm("llm, wrong model type", { model_type: "tts" }, FREE),
  llm("llm, no model", { model: "" }, FREE),
  llm("llm, no messages", { prompt_messages: [] }),
  llm("llm, messages null", { prompt_messages: null }, FREE),
  llm("llm, parameters null", { model_parameters: null }, FREE),
  llm(
    "llm, unknown role",
    { prompt_messages: [{ role: "robot", content: "x" }], model_parameters: { echo: true } },
    FREE,
  ),
  llm("llm, message without a role", { prompt_messages: [{ content: "x" }] }, FREE),
  llm("llm, content null", { prompt_messages: [{ role: "user", content: null }] }, FREE),
  llm("llm, unknown provider", { provider: "none" }),
  call(
    "num tokens",
    "/llm/num_tokens",
    model("llm", "chef-1", { prompt_messages: CONVERSATION, tools: [TOOL] }),
  ),
  call(
    "num tokens, no tools",
    "/llm/num_tokens",
    model("llm", "chef-1", { prompt_messages: [user("a")], tools: null }),
  ),
  call(
    "num tokens, unknown role",
    "/llm/num_tokens",
    model("llm", "chef-1", { prompt_messages: [{ role: "robot", content: "x" }] }),
    FREE,
  ),
  call(
    "num tokens, unknown part",
    "/llm/num_tokens",
    model("llm", "chef-1", { prompt_messages: [user([{ type: "smell", data: "x" }])] }),
    FREE,
  ),
];

const START = {
  prompt_messages: [user("hi")],
  model_parameters: {},
  tools: null,
  stop: null,
  stream: false,
};

function start(name: string, data: object, options: Partial<Step> = {}): Step {
  return call(name, "/model/polling/start", data, options);
}

function check(name: string, state: object, options: Partial<Step> = {}): Step {
  return call(name, "/model/polling/check", model("llm", "chef-1", { plugin_state: state }), options);
}

const POLLING: readonly Step[] = [
  start("polling start", model("llm", "chef-1", START)),
  start("polling start, error", model("llm", "chef-1", { ...START, model_parameters: { error: "rate" } })),
  start(
    "polling start, model without",
    model("llm", "chef-2", { prompt_messages: [user("hi")], model_parameters: {}, stream: false }),
  ),
  start("polling start, wrong model type", model("tts", "chef-1"), FREE),
  check("polling check, done", { task: "t-1", n: JSON.rawJSON("9007199254740993") }),
  check("polling check, running", { task: "more" }),
  check("polling check, failed", { task: "bad" }),
  check("polling check, no state", {}, FREE),
];

const EMBEDDING_AND_RERANK: readonly Step[] = [
  call(
    "embedding",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { texts: ["a", "bb é"], input_type: "document" }),
  ),
  call(
    "embedding, query",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { texts: ["a"], input_type: "query" }),
  ),
  call(
    "embedding, error",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { texts: ["fail"], input_type: "document" }),
  ),
  call(
    "embedding, no texts",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { texts: [], input_type: "document" }),
  ),
  call(
    "embedding, texts missing",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { input_type: "document" }),
    FREE,
  ),
  call(
    "embedding, no input type",
    "/text_embedding/invoke",
    model("text-embedding", "vec-1", { texts: ["a"] }),
    FREE,
  ),
  call(
    "embedding tokens",
    "/text_embedding/num_tokens",
    model("text-embedding", "vec-1", { texts: ["a", "bbb"] }),
  ),
  call(
    "embedding tokens, texts missing",
    "/text_embedding/num_tokens",
    model("text-embedding", "vec-1"),
    FREE,
  ),
  call(
    "multimodal embedding",
    "/multimodal_embedding/invoke",
    model("text-embedding", "vec-1", {
      documents: [
        { content: "a", content_type: "text" },
        { content: "AA==", content_type: "image", file_id: "x" },
      ],
      input_type: "document",
    }),
  ),
  call(
    "multimodal embedding, bad content type",
    "/multimodal_embedding/invoke",
    model("text-embedding", "vec-1", {
      documents: [{ content: "a", content_type: "smell" }],
      input_type: "document",
    }),
    FREE,
  ),
  call(
    "multimodal embedding, bad input type",
    "/multimodal_embedding/invoke",
    model("text-embedding", "vec-1", {
      documents: [{ content: "a", content_type: "text" }],
      input_type: "other",
    }),
    FREE,
  ),
  call(
    "rerank",
    "/rerank/invoke",
    model("rerank", "order-1", { query: "q", docs: ["a", "b", "c"], score_threshold: 0.4, top_n: 5 }),
  ),
  call(
    "rerank, nulls",
    "/rerank/invoke",
    model("rerank", "order-1", { query: "q", docs: ["a"], score_threshold: null, top_n: null }),
  ),
  call(
    "rerank, error",
    "/rerank/invoke",
    model("rerank", "order-1", { query: "fail", docs: [], score_threshold: null, top_n: null }),
  ),
  call("rerank, no query", "/rerank/invoke", model("rerank", "order-1", { query: "", docs: ["a"] }), FREE),
  call(
    "multimodal rerank",
    "/multimodal_rerank/invoke",
    model("rerank", "order-1", {
      query: { content: "q", content_type: "text" },
      docs: [{ content: "AA==", content_type: "image" }],
      score_threshold: null,
      top_n: 3,
    }),
  ),
  call(
    "multimodal rerank, no query",
    "/multimodal_rerank/invoke",
    model("rerank", "order-1", { docs: [] }),
    FREE,
  ),
];

const VOICE_AND_MODERATION: readonly Step[] = [
  call(
    "tts",
    "/tts/invoke",
    model("tts", "voice-1", { content_text: "hello", voice: "anna", tenant_id: "t" }),
  ),
  call(
    "tts, one piece",
    "/tts/invoke",
    model("tts", "voice-1", { content_text: "whole", voice: "bert", tenant_id: "t" }),
  ),
  call(
    "tts, error",
    "/tts/invoke",
    model("tts", "voice-1", { content_text: "fail", voice: "anna", tenant_id: "t" }),
  ),
  call(
    "tts, no voice",
    "/tts/invoke",
    model("tts", "voice-1", { content_text: "x", voice: "", tenant_id: "t" }),
    FREE,
  ),
  call("tts, no tenant", "/tts/invoke", model("tts", "voice-1", { content_text: "x", voice: "anna" }), FREE),
  call(
    "tts, model without audio type",
    "/tts/invoke",
    model("tts", "nobody", { content_text: "x", voice: "anna", tenant_id: "t" }),
  ),
  call("voices", "/tts/model/voices", model("tts", "voice-1", { language: null })),
  call("voices of a language", "/tts/model/voices", model("tts", "voice-1", { language: "de-DE" })),
  call("voices of an unknown model", "/tts/model/voices", model("tts", "nobody", { language: null }), FREE),
  call("voices, wrong model type", "/tts/model/voices", model("llm", "voice-1"), FREE),
  call("speech2text", "/speech2text/invoke", model("speech2text", "ear-1", { file: "00ff61" })),
  call("speech2text, error", "/speech2text/invoke", model("speech2text", "ear-1", { file: hexOf("fail") })),
  call("speech2text, no hex", "/speech2text/invoke", model("speech2text", "ear-1", { file: "xyz" }), FREE),
  call("speech2text, no file", "/speech2text/invoke", model("speech2text", "ear-1"), FREE),
  call("moderation, safe", "/moderation/invoke", model("moderation", "guard-1", { text: "good" })),
  call("moderation, unsafe", "/moderation/invoke", model("moderation", "guard-1", { text: "bad" })),
  call("moderation, error", "/moderation/invoke", model("moderation", "guard-1", { text: "fail" })),
  call("moderation, no text", "/moderation/invoke", model("moderation", "guard-1", { text: "" }), FREE),
];

const CREDENTIALS_AND_SCHEMA: readonly Step[] = [
  call("provider credentials ok", "/model/validate_provider_credentials", {
    provider: "kitchen",
    credentials: CREDENTIALS,
  }),
  call("provider credentials wrong", "/model/validate_provider_credentials", {
    provider: "kitchen",
    credentials: { api_key: "bad" },
  }),
  call("provider credentials, unknown provider", "/model/validate_provider_credentials", {
    provider: "none",
    credentials: CREDENTIALS,
  }),
  call(
    "provider credentials, no provider",
    "/model/validate_provider_credentials",
    { credentials: CREDENTIALS },
    FREE,
  ),
  call("model credentials ok", "/model/validate_model_credentials", model("llm", "mine")),
  call("model credentials wrong", "/model/validate_model_credentials", {
    provider: "kitchen",
    model: "mine",
    model_type: "rerank",
    credentials: {},
  }),
  call("model credentials, unknown type", "/model/validate_model_credentials", model("smell", "mine"), FREE),
  call(
    "model credentials, type the plugin lacks",
    "/model/validate_model_credentials",
    model("text2img", "mine"),
    FREE,
  ),
  call("schema of a predefined model", "/model/schema", model("llm", "chef-1")),
  call(
    "schema of a customizable model",
    "/model/schema",
    model("llm", "mine", { credentials: { ...CREDENTIALS, context_size: "99" } }),
  ),
  call("no schema", "/model/schema", model("llm", "none"), FREE),
  call("schema, unknown type", "/model/schema", model("smell", "chef-1"), FREE),
  call("schema of a voice", "/model/schema", model("tts", "voice-1")),
];

/** Every kind of model: streams, errors, polling, credentials, schemas. */
export const modelsScenario: Scenario = {
  name: "models",
  tenant: tenantOf(5),
  steps: [
    ...installSteps("kitchen-models.difypkg", "models"),
    ...DECLARATIONS,
    ...LLM,
    ...POLLING,
    ...EMBEDDING_AND_RERANK,
    ...VOICE_AND_MODERATION,
    ...CREDENTIALS_AND_SCHEMA,
    uninstallStep("models"),
  ],
};
