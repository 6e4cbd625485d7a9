import { Type } from "@sinclair/typebox";
import {
  Count,
  Flag,
  ListOrNull,
  MapOrNull,
  OneOf,
  OpenObject,
  Real,
  RequiredList,
  RequiredMap,
  RequiredText,
  Text,
} from "../actions/fields.ts";
import { isRecord } from "../../lib/is-record.ts";
import { EmbeddingItem, LlmChunk, RerankItem, SpeechItem } from "../actions/model-item.ts";
import { ToolCall, withToolCallList } from "../actions/prompt-message.ts";
import { definePlatformCall, type PlatformCall } from "./platform-call.ts";

/** Roles and contents are passed on: the platform knows them. `opaque_body` stays as it was sent, or absent. */
const Message = OpenObject(
  {
    role: Text,
    content: Type.Unknown({ default: null }),
    name: Text,
    tool_calls: ListOrNull(ToolCall),
    tool_call_id: Text,
  },
  { refine: withToolCallList },
);

const ToolChoice = Type.Optional(
  OpenObject(
    { mode: OneOf(["auto", "none", "required", "tool"]), name: Type.Optional(Type.String({ omit: "null" })) },
    { omit: "null", refine: withNameOfTool },
  ),
);

/** A choice of a tool that names none gets a name that its check refuses. */
function withNameOfTool(choice: unknown): unknown {
  if (!isRecord(choice) || choice["mode"] !== "tool") return choice;
  const { name } = choice;
  return typeof name === "string" && name.trim() !== "" ? choice : { ...choice, name: null };
}

const model = { provider: RequiredText, model: RequiredText };

const llm = {
  ...model,
  mode: RequiredText,
  completion_params: MapOrNull,
  prompt_messages: ListOrNull(Message),
  tools: ListOrNull(OpenObject({ name: RequiredText, description: Text, parameters: MapOrNull })),
  tool_choice: ToolChoice,
  stop: ListOrNull(Type.String()),
  stream: Flag,
};

const Content = OpenObject(
  { content: RequiredText, content_type: OneOf(["text", "image"]) },
  { default: {} },
);

/** The reference cuts off what is behind the point. */
const WholeCount = Type.Integer({
  default: Count.default,
  refine: (value: unknown) => (typeof value === "number" ? Math.trunc(value) : value),
});

const ranking = { score_threshold: Real, top_n: WholeCount };

/** contract/backwards-invocation 2.5: no prompt, but what the model was made to answer. */
const StructuredChunk = OpenObject({
  model: LlmChunk.properties.model,
  system_fingerprint: LlmChunk.properties.system_fingerprint,
  delta: LlmChunk.properties.delta,
  structured_output: MapOrNull,
});

/** Calls of models (contract/backwards-invocation 1.5, 2.5, 2.6). */
export const MODEL_CALLS: readonly PlatformCall[] = [
  definePlatformCall({
    type: "llm",
    path: "invoke/llm",
    invoke: "invoke llm model failed",
    read: "read llm model failed",
    request: OpenObject(llm),
    reply: LlmChunk,
  }),
  definePlatformCall({
    type: "llm_structured_output",
    path: "invoke/llm/structured-output",
    invoke: "invoke llm with structured output model failed",
    read: "read llm with structured output model failed",
    request: OpenObject({ ...llm, structured_output_schema: RequiredMap }),
    reply: StructuredChunk,
  }),
  definePlatformCall({
    type: "text_embedding",
    path: "invoke/text-embedding",
    invoke: "invoke text-embedding model failed",
    request: OpenObject({ ...model, texts: RequiredList(Type.String()), input_type: RequiredText }),
    reply: EmbeddingItem,
  }),
  definePlatformCall({
    type: "multimodal_embedding",
    path: "invoke/multimodal-embedding",
    invoke: "invoke multimodal embedding model failed",
    request: OpenObject({
      ...model,
      documents: RequiredList(Content),
      input_type: OneOf(["document", "query"]),
    }),
    reply: EmbeddingItem,
  }),
  definePlatformCall({
    type: "rerank",
    path: "invoke/rerank",
    invoke: "invoke rerank model failed",
    request: OpenObject({ ...model, query: RequiredText, docs: RequiredList(Type.String()), ...ranking }),
    reply: RerankItem,
  }),
  definePlatformCall({
    type: "multimodal_rerank",
    path: "invoke/multimodal-rerank",
    invoke: "invoke multimodal rerank model failed",
    request: OpenObject({ ...model, query: Content, docs: RequiredList(Content), ...ranking }),
    reply: RerankItem,
  }),
  definePlatformCall({
    type: "tts",
    path: "invoke/tts",
    invoke: "invoke tts model failed",
    read: "read tts model failed",
    request: OpenObject({ ...model, content_text: RequiredText, voice: RequiredText }),
    reply: SpeechItem,
  }),
  definePlatformCall({
    type: "speech2text",
    path: "invoke/speech2text",
    invoke: "invoke speech2text model failed",
    request: OpenObject({ ...model, file: RequiredText }),
    reply: OpenObject({ result: Text }),
  }),
  definePlatformCall({
    type: "moderation",
    path: "invoke/moderation",
    invoke: "invoke moderation model failed",
    request: OpenObject({ ...model, text: RequiredText }),
    reply: OpenObject({ result: Flag }),
  }),
  definePlatformCall({
    type: "system_summary",
    path: "invoke/summary",
    invoke: "invoke summary failed",
    request: OpenObject({ text: RequiredText, instruction: Text }),
    reply: OpenObject({ summary: Text }),
  }),
];
