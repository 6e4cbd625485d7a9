import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { contentText, messageItem } from "./message-item.ts";
import { plainAction } from "./request-line.ts";

/** `raw` is the JSON text of `value`. */
export interface Item {
  readonly value: unknown;
  readonly raw: string;
}

/** Makes items of the HTTP stream of what a plugin answers to one request (contract/plain-protocol 2). One per request. */
export interface AnswerItems {
  /** Of a chunk's or a response's `data`. */
  chunk(data: Item): readonly Item[];
  /** Of a `stream_end`, or of a success without any data; `data.value` is undefined where there is none. */
  end(data: Item): readonly Item[];
}

/** They answer messages of tools. */
const MESSAGE_ACTIONS: ReadonlySet<unknown> = new Set([
  "invoke_tool",
  "invoke_agent_strategy",
  "invoke_online_document_datasource_get_page_content",
  "invoke_online_drive_download_file",
]);
const NOTHING: readonly Item[] = [];

export function createAnswerItems(
  request: Readonly<Record<string, unknown>>,
  { requestId }: { readonly requestId: string },
): AnswerItems {
  const { action } = request;
  if (MESSAGE_ACTIONS.has(action)) return messages(requestId);
  if (action === "invoke_llm") return llmChunks(request["model"]);
  if (plainAction(action) === "validate") return validation();
  return { chunk: (data) => [data], end: () => NOTHING };
}

function messages(requestId: string): AnswerItems {
  let count = 0;
  return { chunk: (data) => [messageItem(data, () => `${requestId}-${count++}`)], end: () => NOTHING };
}

function llmChunks(model: unknown): AnswerItems {
  let index = 0;
  const chunk = (
    message: Item,
    { usage, finish }: { readonly usage?: unknown; readonly finish?: string },
  ) => {
    const rest = { usage: usage ?? null, finish_reason: finish ?? null };
    const head = { model, system_fingerprint: "" };
    const delta = { index, message: message.value, ...rest };
    const restText = JSON.stringify(rest).slice(1);
    const raw =
      `${JSON.stringify(head).slice(0, -1)},"delta":{"index":${index},"message":${message.raw},${restText},` +
      `"prompt_messages":[]}`;
    index++;
    return { value: { ...head, delta, prompt_messages: [] }, raw };
  };
  const last = ({ value }: Item): readonly Item[] => {
    if (!isRecord(value) || typeof value["total_tokens"] !== "number") return NOTHING;
    const finish = value["finish_reason"];
    return [
      chunk(ANSWER_END, { usage: usageOf(value), finish: typeof finish === "string" ? finish : "stop" }),
    ];
  };
  return {
    chunk(data) {
      const { value } = data;
      if (!isRecord(value) || "delta" in value || !("content" in value || "tool_calls" in value))
        return [data];
      // A whole answer in one response may bring what else ends a stream.
      return [chunk(answerMessage(value, data.raw), {}), ...last(data)];
    },
    end: last,
  };
}

const ANSWER = { role: "assistant", name: "", tool_call_id: "" };
const ANSWER_TEXT = JSON.stringify(ANSWER).slice(0, -1);
const ANSWER_END = answerMessage({ content: "" }, "");

function answerMessage(value: Readonly<Record<string, unknown>>, raw: string): Item {
  const { content = "", tool_calls: calls = [] } = value;
  const text = "content" in value ? contentText(value, raw) : '""';
  const callsText = "tool_calls" in value ? (rawMember(raw, ["tool_calls"]) ?? "[]") : "[]";
  return {
    value: { ...ANSWER, content, tool_calls: calls },
    raw: `${ANSWER_TEXT},"content":${text},"tool_calls":${callsText}}`,
  };
}

const NO_USAGE = {
  prompt_tokens: 0,
  prompt_unit_price: "0",
  prompt_price_unit: "0",
  prompt_price: "0",
  completion_tokens: 0,
  completion_unit_price: "0",
  completion_price_unit: "0",
  completion_price: "0",
  total_tokens: 0,
  total_price: "0",
  currency: "USD",
  latency: 0,
};

/** Every key has to stand there; what the plugin does not say costs nothing. */
function usageOf(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const usage: Record<string, unknown> = { ...NO_USAGE };
  for (const key of Object.keys(usage))
    if (given[key] !== undefined && given[key] !== null) usage[key] = given[key];
  return usage;
}

function validation(): AnswerItems {
  let answered = false;
  return {
    chunk({ value, raw }) {
      answered = true;
      if (isRecord(value) && "result" in value) return [{ value, raw }];
      const result = !isRecord(value) || value["valid"] !== false;
      const credentials =
        isRecord(value) && isRecord(value["credentials"]) ? value["credentials"] : undefined;
      if (!credentials) return [{ value: { result }, raw: `{"result":${result}}` }];
      const text = rawMember(raw, ["credentials"]) ?? "null";
      return [{ value: { result, credentials }, raw: `{"result":${result},"credentials":${text}}` }];
    },
    end: () => (answered ? NOTHING : [{ value: { result: true }, raw: '{"result":true}' }]),
  };
}
