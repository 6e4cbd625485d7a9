const MODEL = { provider: "p", model: "ok" };
const NODE = { model: { provider: "p", name: "ok", mode: "chat" }, query: "q" };

/** One request for each type of call back, with as little as it takes; the last two are no types. */
export const PLAIN_CALLS: readonly (readonly [type: string, request: object])[] = [
  ["tool", { tool_type: "builtin", provider: "p", tool: "ok", tool_parameters: {} }],
  ["llm", { ...MODEL, mode: "chat", completion_params: {}, prompt_messages: [] }],
  ["llm_structured_output", { ...MODEL, mode: "chat", structured_output_schema: {} }],
  ["text_embedding", { ...MODEL, texts: ["a"], input_type: "query" }],
  [
    "multimodal_embedding",
    { ...MODEL, documents: [{ content: "a", content_type: "text" }], input_type: "document" },
  ],
  ["rerank", { ...MODEL, query: "q", docs: ["a"] }],
  ["multimodal_rerank", { ...MODEL, query: { content: "q", content_type: "text" }, docs: [] }],
  ["tts", { ...MODEL, content_text: "x", voice: "v" }],
  ["speech2text", { ...MODEL, file: "00" }],
  ["moderation", { ...MODEL, text: "x" }],
  ["node_parameter_extractor", { parameters: [], ...NODE }],
  ["node_question_classifier", { classes: [], ...NODE }],
  ["app", { app_id: "app-chat", inputs: {}, response_mode: "streaming" }],
  ["fetch_app", { app_id: "app-chat" }],
  ["storage", { opt: "exist", key: "k" }],
  ["system_summary", { text: "long" }],
  ["upload_file", { filename: "a.txt", mimetype: "text/plain" }],
  ["encrypt", { opt: "encrypt" }],
  ["nonsense", {}],
];
