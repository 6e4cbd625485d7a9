import { isRecord } from "../../../lib/is-record.ts";
import { sampleJson } from "./sample-json.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What the platform would answer: one object, a stream of them, or an error. */
export type MockAnswer =
  { readonly streams: boolean; readonly items: readonly unknown[] } | { readonly error: string };

interface Kind {
  /** Fields that must be there and not empty. */
  readonly required: readonly string[];
  readonly answer: (request: Fields) => MockAnswer;
}

const stream = (items: readonly unknown[]): MockAnswer => ({ streams: true, items });
const one = (item: unknown): MockAnswer => ({ streams: false, items: [item] });
const repeat = (count: number, item: unknown) => Array.from({ length: count }, () => item);

const MODEL = ["provider", "model"];
const VECTOR = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const PIECES = 10;
const WORDS = ["hello", " world", " world", " !", " !"];
const APP = { message_id: "mock-message", conversation_id: "mock-conversation", created_at: 1_700_000_000 };
const PRICES = {
  prompt_unit_price: "0",
  prompt_price_unit: "0",
  prompt_price: "0",
  completion_unit_price: "0",
  completion_price_unit: "0",
  completion_price: "0",
  total_price: "0",
};
const USAGE = {
  prompt_tokens: 100,
  completion_tokens: 100,
  total_tokens: 200,
  ...PRICES,
  currency: "USD",
  latency: 0.4,
};
const EMBEDDING_USAGE = {
  tokens: 100,
  total_tokens: 100,
  unit_price: "0",
  price_unit: "0",
  total_price: "0",
  currency: "USD",
  latency: 0.1,
};

const KINDS: Readonly<Record<string, Kind>> = {
  user_info: { required: [], answer: () => one({ user_id: "mock-user" }) },
  llm: { required: [...MODEL, "mode"], answer: (request) => stream(llmChunks(request)) },
  llm_structured_output: {
    required: [...MODEL, "mode", "structured_output_schema"],
    answer: (request) => stream(structuredChunks(request)),
  },
  text_embedding: {
    required: [...MODEL, "texts", "input_type"],
    answer: (request) => one(embeddings(request, list(request["texts"]))),
  },
  multimodal_embedding: {
    required: [...MODEL, "documents", "input_type"],
    answer: (request) => one(embeddings(request, list(request["documents"]))),
  },
  rerank: { required: [...MODEL, "query", "docs"], answer: (request) => one(ranking(request)) },
  multimodal_rerank: { required: [...MODEL, "query", "docs"], answer: (request) => one(ranking(request)) },
  tts: {
    required: [...MODEL, "content_text", "voice"],
    answer: () => stream(repeat(PIECES, { result: "a1b2c3d4" })),
  },
  speech2text: { required: [...MODEL, "file"], answer: () => one({ result: "hello world" }) },
  moderation: { required: [...MODEL, "text"], answer: () => one({ result: true }) },
  tool: {
    required: ["tool_type", "provider", "tool"],
    answer: () => stream(repeat(PIECES, { type: "text", message: { text: "hello world" }, meta: null })),
  },
  app: { required: ["app_id"], answer: () => stream(appEvents()) },
  fetch_app: { required: ["app_id"], answer: () => one({ name: "test" }) },
  node_parameter_extractor: {
    required: ["parameters", "model", "query"],
    answer: (request) =>
      one({
        process_data: {},
        inputs: { query: request["query"] },
        outputs: Object.fromEntries(
          list(request["parameters"])
            .filter(isRecord)
            .map((parameter) => [text(parameter["name"]), parameterValue(parameter)]),
        ),
      }),
  },
  node_question_classifier: {
    required: ["classes", "model", "query"],
    answer(request) {
      const [first] = list(request["classes"]).filter(isRecord);
      return first === undefined
        ? { error: "invoke question classifier failed: there are no classes" }
        : one({ process_data: {}, inputs: {}, outputs: { class_name: first["name"] } });
    },
  },
  system_summary: { required: ["text"], answer: (request) => one({ summary: request["text"] }) },
  upload_file: {
    required: ["filename", "mimetype"],
    answer: () => one({ url: "https://upload.example.com/mock" }),
  },
  // Nothing is kept here; it is what the reference answers.
  storage: { required: ["opt", "key"], answer: () => ({ error: "persistence not found" }) },
};

/** The answer to a call back of a known type. */
export function mockAnswer(type: string, request: Fields): MockAnswer {
  const kind = KINDS[type];
  if (!kind) return { error: `unsupported invoke type: ${type}` };
  const missing = kind.required.filter(
    (name) => request[name] === undefined || request[name] === null || request[name] === "",
  );
  if (missing.length > 0)
    return { error: `unmarshal backwards invoke request failed: missing ${missing.join(", ")}` };
  return kind.answer(request);
}

function llmChunks(request: Fields): unknown[] {
  const [tool] = list(request["tools"]).filter(isRecord);
  const call = tool && {
    id: "call_mock",
    type: "function",
    function: { name: text(tool["name"]), arguments: JSON.stringify(sampleJson(tool["parameters"] ?? {})) },
  };
  const chunks = WORDS.map((content, at) =>
    chunk(request, {
      index: at + 1,
      content,
      ...(at === WORDS.length - 1 && { usage: USAGE, finish_reason: "stop" }),
    }),
  );
  return call ? [chunk(request, { index: 0, content: "", tool_calls: [call] }), ...chunks] : chunks;
}

function structuredChunks(request: Fields): unknown[] {
  const structured = sampleJson(request["structured_output_schema"]);
  const characters = Array.from(JSON.stringify(structured));
  const pieces = Array.from({ length: PIECES }, (_, at) => {
    const edge = (index: number) => Math.floor((index * characters.length) / PIECES);
    return characters.slice(edge(at), edge(at + 1)).join("");
  });
  return [
    ...pieces.map((content, index) => chunk(request, { index, content })),
    {
      ...chunk(request, { index: PIECES, content: "", usage: USAGE, finish_reason: "stop" }),
      structured_output: structured,
    },
  ];
}

interface Delta {
  readonly index: number;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
  readonly usage?: unknown;
  readonly finish_reason?: string;
}

function chunk(request: Fields, { index, content, tool_calls = [], usage = null, finish_reason }: Delta) {
  return {
    model: request["model"],
    prompt_messages: [],
    system_fingerprint: "test",
    delta: {
      index,
      message: { role: "assistant", content, name: "test", tool_calls },
      usage,
      finish_reason: finish_reason ?? null,
    },
  };
}

function embeddings(request: Fields, inputs: readonly unknown[]) {
  return { model: request["model"], embeddings: inputs.map(() => VECTOR), usage: EMBEDDING_USAGE };
}

function ranking(request: Fields) {
  const docs = list(request["docs"]).map((doc, index) => ({
    index,
    text: isRecord(doc) ? text(doc["content"]) : text(doc),
    score: 0.1,
  }));
  return { model: request["model"], docs };
}

function appEvents(): unknown[] {
  const { message_id: id, ...rest } = APP;
  return [
    ...["hello", " world", " !"].map((answer) => ({ event: "agent_message", ...APP, answer })),
    { event: "message_end", id, ...rest, metadata: { retriever_resources: [], usage: USAGE } },
    { event: "message_file", id, ...rest, belongs_to: "assistant", url: "https://example.com/mock.png" },
  ];
}

function parameterValue(parameter: Fields): unknown {
  switch (parameter["type"]) {
    case "number":
      return 1234567890;
    case "bool":
      return true;
    case "select":
      return list(parameter["options"])[0] ?? "hello";
    case "array[string]":
      return ["hello", "world"];
    case "array[number]":
      return [1, 2, 3];
    case "array[bool]":
      return [true, false];
    case "array[object]":
      return [{ name: "hello", age: 1 }];
    default:
      return "hello world";
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
