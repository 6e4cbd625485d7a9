/** What the recorded platform says on a route; `one` has a single item. */
export interface RecordedAnswer {
  readonly kind: "one" | "stream";
  readonly items: readonly unknown[];
  /** See `startRecordedPlatform`; anything else is none. */
  readonly fault: string;
}

type Fields = Readonly<Record<string, unknown>>;

const LLM_USAGE = {
  prompt_tokens: 8,
  prompt_unit_price: "0.0010",
  prompt_price_unit: 0.001,
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
const EMBEDDING_USAGE = {
  tokens: 2,
  total_tokens: 2,
  unit_price: "0.10",
  price_unit: "0.001",
  total_price: 0,
  currency: "USD",
  latency: 0.25,
};
const RANKED = [
  { index: 1, text: "b", score: 0.93 },
  { index: 0, text: "", score: 0 },
];
const END = { usage: LLM_USAGE, finish_reason: "stop" };

/** The answer to a request; undefined where there is no such route. */
export function recordedAnswer(
  path: string,
  { body, host }: { readonly body: Fields; readonly host: string },
): RecordedAnswer | undefined {
  const { model } = body;
  const subject = isFields(model) ? model["name"] : (model ?? body["tool"] ?? body["app_id"]);
  const fault = typeof subject === "string" ? subject : "";
  const one = (data: unknown): RecordedAnswer => ({ kind: "one", items: [data], fault });
  const stream = (...items: readonly unknown[]): RecordedAnswer => ({ kind: "stream", items, fault });

  switch (path) {
    case "invoke/llm":
      return body["stream"] === false
        ? stream(llmChunk(0, "whole", { end: { usage: LLM_USAGE, finish_reason: "" } }))
        : stream(llmChunk(0, "Hel"), llmChunk(1, "lo é\u2028😀"), llmChunk(2, "", { end: END }));
    case "invoke/llm/structured-output":
      return stream(
        llmChunk(0, '{"a":'),
        llmChunk(1, "1}", { more: { structured_output: { a: 1, n: "9007199254740993" } }, end: END }),
      );
    case "invoke/text-embedding":
      return one({
        model: "m-1",
        embeddings: [
          [0.1, -2, 1e-9],
          [1, 0, 0],
        ],
        usage: EMBEDDING_USAGE,
        unknown_key: 1,
      });
    case "invoke/multimodal-embedding":
      return one({ model: "m-1", embeddings: [[0.5]], usage: EMBEDDING_USAGE });
    case "invoke/rerank":
    case "invoke/multimodal-rerank":
      return one({ model: "m-1", docs: RANKED });
    case "invoke/tts":
      return stream({ result: "00ff" }, { result: "ABCD", mime_type: "audio/mpeg" });
    case "invoke/speech2text":
      return one({ result: "heard" });
    case "invoke/moderation":
      return one({ result: true });
    case "invoke/summary":
      return one({ summary: "short" });
    case "invoke/parameter-extractor":
      return one({ inputs: {}, outputs: { city: "Rome" }, process_data: { usage: 1 } });
    case "invoke/question-classifier":
      return one({ inputs: {}, outputs: { class_name: "a" }, process_data: {} });
    case "invoke/tool":
      return stream(
        { type: "text", message: { text: "12:00 é" }, meta: null },
        { type: "json", message: { json_object: { a: [1] } }, meta: null },
        {
          type: "variable",
          message: { variable_name: "v", variable_value: 1, stream: false },
          meta: null,
        },
      );
    case "invoke/app":
      return body["response_mode"] === "blocking"
        ? stream({ event: "message", answer: "Hi", created_at: 1_700_000_000 })
        : stream(
            { event: "message", answer: "Hi", created_at: 1_700_000_000, n: 1.5 },
            { event: "message", answer: " you" },
            { event: "message_end", metadata: { usage: LLM_USAGE } },
          );
    case "fetch/app/info":
      return one({
        data: { opening_statement: "hello", user_input_form: [{ paragraph: { variable: "a" } }] },
      });
    case "upload/file/request":
      return { ...one({ url: `http://${host}/upload?sign=1` }), fault: "" };
    case "invoke/encrypt":
      return encryption(body);
    default:
      return undefined;
  }
}

function llmChunk(
  index: number,
  content: string,
  { more = {}, end = { usage: null, finish_reason: null } }: { more?: object; end?: object } = {},
) {
  return {
    model: "m-1",
    prompt_messages: [],
    system_fingerprint: null,
    delta: { index, message: { role: "assistant", content, name: null, tool_calls: [] }, ...end },
    unknown_key: 1,
    ...more,
  };
}

/** A secret gets `enc:` before it, or loses it; one that says `refuse` is not taken. */
function encryption(body: Fields): RecordedAnswer {
  const data = isFields(body["data"]) ? body["data"] : {};
  const fields: readonly unknown[] = Array.isArray(body["config"]) ? body["config"] : [];
  const secrets = new Set(
    fields.flatMap((field) => (isFields(field) && field["type"] === "secret-input" ? [field["name"]] : [])),
  );
  const crypted = Object.entries(data).map(([name, value]) => [
    name,
    secrets.has(name) && typeof value === "string" ? crypt(body["opt"], value) : value,
  ]);
  return Object.values(data).includes("refuse")
    ? { kind: "one", items: [], fault: "refuse" }
    : { kind: "one", items: [{ data: Object.fromEntries(crypted) }], fault: "" };
}

function crypt(operation: unknown, value: string): string {
  if (operation === "encrypt") return `enc:${value}`;
  return operation === "decrypt" ? value.replace(/^enc:/, "") : value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
