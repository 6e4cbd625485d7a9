import { transformSecrets } from "./encryption.ts";
import { type Fields, isObject, list, objects, text } from "./fields.ts";
import { llmChunks, structuredChunks, USAGE } from "./llm-answers.ts";

/** What a route answers: once, a stream of results, or an error text. */
export type Answer =
  | { readonly kind: "one"; readonly data: unknown }
  | { readonly kind: "stream"; readonly items: readonly unknown[] }
  | { readonly kind: "error"; readonly message: string };

export interface AnswerContext {
  /** Where files can be uploaded to, without a slash at its end. */
  readonly url: string;
}

const one = (data: unknown): Answer => ({ kind: "one", data });
const stream = (items: readonly unknown[]): Answer => ({ kind: "stream", items });

const EMBEDDING_USAGE = {
  unit_price: "0.1",
  price_unit: "0.001",
  total_price: "0",
  currency: "USD",
  latency: 0.25,
};
const SUMMARY_CHARS = 20;
const CREATED_AT = 1_700_000_000;

/** Routes below `/inner/api/` (contract/backwards-invocation 8). The same request always gets the same answer. */
const ROUTES: Readonly<Record<string, (request: Fields, context: AnswerContext) => Answer>> = {
  "invoke/llm": (request) => stream(llmChunks(request)),
  "invoke/llm/structured-output": (request) => stream(structuredChunks(request)),
  "invoke/text-embedding": (request) => one(embeddings(request, list(request["texts"]))),
  "invoke/multimodal-embedding": (request) => one(embeddings(request, list(request["documents"]))),
  "invoke/rerank": (request) => one(ranking(request)),
  "invoke/multimodal-rerank": (request) => one(ranking(request)),
  "invoke/tts": () => stream(["00ff", "01fe", "02fd"].map((result) => ({ result, mime_type: "audio/mpeg" }))),
  "invoke/speech2text": (request) => one({ result: String(text(request["file"]).length / 2) }),
  "invoke/moderation": (request) => one({ result: text(request["text"]).includes("bad") }),
  "invoke/tool": (request) => stream(toolMessages(request)),
  "invoke/app": (request) => stream(appEvents(request)),
  "invoke/parameter-extractor": (request) =>
    one({
      inputs: {},
      process_data: {},
      outputs: Object.fromEntries(
        objects(request["parameters"]).map((parameter) => [
          text(parameter["name"]),
          extracted(parameter, text(request["query"])),
        ]),
      ),
    }),
  "invoke/question-classifier": (request) => {
    const [first] = objects(request["classes"]);
    return one({
      inputs: {},
      process_data: {},
      outputs: { class_id: first?.["id"] ?? null, class_name: first?.["name"] ?? null },
    });
  },
  "invoke/summary": (request) =>
    one({ summary: Array.from(text(request["text"])).slice(0, SUMMARY_CHARS).join("") }),
  "invoke/encrypt": (request) => {
    if (Object.values(isObject(request["data"]) ? request["data"] : {}).includes("refuse"))
      return { kind: "error", message: "cannot encrypt" };
    return one({ data: transformSecrets(request) });
  },
  "upload/file/request": (request, { url }) =>
    one({ url: `${url}/files/upload/for-plugin?${signature(request)}` }),
  "fetch/app/info": () => one({ data: { opening_statement: "", user_input_form: [] } }),
};

export const ROUTE_PATHS: readonly string[] = Object.keys(ROUTES);

/** Undefined: there is no such route. */
export function answerOf(path: string, request: Fields, context: AnswerContext): Answer | undefined {
  return Object.hasOwn(ROUTES, path) ? ROUTES[path]?.(request, context) : undefined;
}

function embeddings(request: Fields, inputs: readonly unknown[]) {
  const tokens = inputs.length;
  return {
    model: request["model"],
    embeddings: inputs.map(() => [0.1, 0.2, 0.3]),
    usage: { tokens, total_tokens: tokens, ...EMBEDDING_USAGE },
  };
}

function ranking(request: Fields) {
  const topN = typeof request["top_n"] === "number" && request["top_n"] > 0 ? request["top_n"] : Infinity;
  const docs = list(request["docs"])
    .map((doc, index) => ({ index, text: isObject(doc) ? text(doc["content"]) : text(doc) }))
    .toReversed()
    .map((doc, at) => ({ ...doc, score: 1 / (at + 1) }));
  return { model: request["model"], docs: docs.slice(0, topN) };
}

function toolMessages(request: Fields): unknown[] {
  const parameters = isObject(request["tool_parameters"]) ? request["tool_parameters"] : {};
  return [
    {
      type: "text",
      message: { text: `${text(request["tool"])}: ${JSON.stringify(parameters)}` },
      meta: null,
    },
    { type: "json", message: { json_object: parameters }, meta: null },
    {
      type: "variable",
      message: { variable_name: "parameters", variable_value: parameters, stream: false },
      meta: null,
    },
  ];
}

/** An app whose id has "workflow" in it is a workflow; every other is a chat that says what it was asked. */
function appEvents(request: Fields): unknown[] {
  const appId = text(request["app_id"]);
  const isBlocking = request["response_mode"] === "blocking";
  if (appId.includes("workflow")) {
    const outputs = isObject(request["inputs"]) ? request["inputs"] : {};
    const ids = { workflow_run_id: "run-1", task_id: "task-1" };
    const data = { id: "run-1", workflow_id: appId, status: "succeeded", outputs, created_at: CREATED_AT };
    return isBlocking
      ? [{ ...ids, data }]
      : [
          {
            event: "workflow_started",
            ...ids,
            data: { id: "run-1", workflow_id: appId, created_at: CREATED_AT },
          },
          { event: "workflow_finished", ...ids, data },
        ];
  }
  const answer = text(request["query"]) || "Hello";
  const ids = {
    message_id: "message-1",
    conversation_id: text(request["conversation_id"]) || "conversation-1",
    created_at: CREATED_AT,
  };
  if (isBlocking) return [{ event: "message", ...ids, mode: "chat", answer, metadata: { usage: USAGE } }];
  const half = Math.ceil(Array.from(answer).length / 2);
  const parts = [Array.from(answer).slice(0, half), Array.from(answer).slice(half)];
  return [
    ...parts.map((part) => ({ event: "message", ...ids, answer: part.join("") })),
    { event: "message_end", id: ids.message_id, ...ids, metadata: { usage: USAGE } },
  ];
}

/** A text is the whole question; everything else always the same. */
function extracted({ type, options }: Fields, query: string): unknown {
  switch (type) {
    case "string":
      return query;
    case "select":
      return list(options)[0] ?? query;
    case "bool":
      return true;
    case "number":
      return 1;
    default:
      return [];
  }
}

function signature(request: Fields): string {
  return new URLSearchParams({
    timestamp: String(CREATED_AT),
    nonce: "0123456789abcdef",
    sign: "fake",
    user_id: text(request["user_id"]),
    tenant_id: text(request["tenant_id"]),
  }).toString();
}
