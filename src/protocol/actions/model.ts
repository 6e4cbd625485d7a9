import { type TProperties, type TSchema, Type } from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";
import { type ActionRow, defineAction } from "./action.ts";
import {
  CredentialType,
  Exactly,
  Flag,
  ListOrNull,
  MapOrNull,
  OneOf,
  OpenObject,
  Real,
  RequiredList,
  RequiredText,
  Text,
  Count,
} from "./fields.ts";
import { ResultItem } from "./message-item.ts";
import {
  CredentialsItem,
  EmbeddingItem,
  LlmChunk,
  PollingItem,
  RerankItem,
  SpeechItem,
  VoicesItem,
} from "./model-item.ts";
import { SchemaItem } from "./model-schema.ts";
import { promptMessage } from "./prompt-message.ts";

const AnyModelType = OneOf([
  "llm",
  "text-embedding",
  "rerank",
  "speech2text",
  "moderation",
  "tts",
  "text2img",
  "multimodal-embedding",
  "multimodal-rerank",
]);

function modelBase(modelType: TSchema): TProperties {
  return {
    provider: RequiredText,
    model_type: modelType,
    model: RequiredText,
    credentials: MapOrNull,
    credential_type: CredentialType,
  };
}

const PromptTool = OpenObject({ name: RequiredText, description: Text, parameters: MapOrNull });

const ToolChoice = OpenObject(
  { mode: OneOf(["auto", "none", "required", "tool"]), name: Type.Optional(Type.String({ omit: "empty" })) },
  { omit: "null", refine: withTheToolItNames },
);

/** The mode `tool` without a name gets a null in its place, which the check refuses by that name. */
function withTheToolItNames(choice: unknown): unknown {
  if (!isRecord(choice) || choice["mode"] !== "tool") return choice;
  const { name } = choice;
  return name === undefined || (typeof name === "string" && name.trim() === "")
    ? { ...choice, name: null }
    : choice;
}

const LLM_REQUEST = OpenObject({
  ...modelBase(Exactly("llm")),
  model_parameters: MapOrNull,
  prompt_messages: ListOrNull(promptMessage("lenient")),
  tools: ListOrNull(PromptTool),
  tool_choice: Type.Optional(ToolChoice),
  stop: ListOrNull(Type.String()),
  json_schema: MapOrNull,
  stream: Flag,
});

/** A text or an image in base64; more keys, such as `file_id`, are the caller's own. */
const Multimodal = OpenObject(
  { content: RequiredText, content_type: OneOf(["text", "image"]) },
  { default: {} },
);

const TEXTS = { texts: RequiredList(Type.String()) };
const RANKING = { score_threshold: Real, top_n: Count };

/** contract/plugin-wire 4.3, contract/http-api 4.5 to 4.9 */
export const MODEL_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/llm/invoke",
    type: "model",
    action: "invoke_llm",
    data: LLM_REQUEST,
    item: LlmChunk,
  }),
  defineAction({
    path: "/llm/num_tokens",
    type: "model",
    action: "get_llm_num_tokens",
    data: OpenObject({
      ...modelBase(Exactly("llm")),
      prompt_messages: ListOrNull(promptMessage("strict")),
      tools: ListOrNull(PromptTool),
    }),
    item: OpenObject({ num_tokens: Count }),
  }),
  defineAction({
    path: "/text_embedding/invoke",
    type: "model",
    action: "invoke_text_embedding",
    data: OpenObject({ ...modelBase(Exactly("text-embedding")), ...TEXTS, input_type: RequiredText }),
    item: EmbeddingItem,
  }),
  defineAction({
    path: "/text_embedding/num_tokens",
    type: "model",
    action: "get_text_embedding_num_tokens",
    data: OpenObject({ ...modelBase(Exactly("text-embedding")), ...TEXTS }),
    item: OpenObject({ num_tokens: RequiredList(Type.Integer()) }),
  }),
  defineAction({
    path: "/multimodal_embedding/invoke",
    type: "model",
    action: "invoke_multimodal_embedding",
    data: OpenObject({
      ...modelBase(RequiredText),
      documents: RequiredList(Multimodal),
      input_type: OneOf(["document", "query"]),
    }),
    item: EmbeddingItem,
  }),
  defineAction({
    path: "/rerank/invoke",
    type: "model",
    action: "invoke_rerank",
    data: OpenObject({
      ...modelBase(Exactly("rerank")),
      query: RequiredText,
      docs: RequiredList(Type.String()),
      ...RANKING,
    }),
    item: RerankItem,
  }),
  defineAction({
    path: "/multimodal_rerank/invoke",
    type: "model",
    action: "invoke_multimodal_rerank",
    data: OpenObject({
      ...modelBase(RequiredText),
      query: Multimodal,
      docs: RequiredList(Multimodal),
      ...RANKING,
    }),
    item: RerankItem,
  }),
  defineAction({
    path: "/tts/invoke",
    type: "model",
    action: "invoke_tts",
    data: OpenObject({
      ...modelBase(Exactly("tts")),
      content_text: RequiredText,
      voice: RequiredText,
      tenant_id: RequiredText,
    }),
    item: SpeechItem,
  }),
  defineAction({
    path: "/tts/model/voices",
    type: "model",
    action: "get_tts_model_voices",
    data: OpenObject({ ...modelBase(Exactly("tts")), language: Text }),
    item: VoicesItem,
  }),
  defineAction({
    path: "/speech2text/invoke",
    type: "model",
    action: "invoke_speech2text",
    data: OpenObject({ ...modelBase(Exactly("speech2text")), file: RequiredText }),
    item: OpenObject({ result: Text }),
  }),
  defineAction({
    path: "/moderation/invoke",
    type: "model",
    action: "invoke_moderation",
    data: OpenObject({ ...modelBase(Exactly("moderation")), text: RequiredText }),
    item: ResultItem,
  }),
  defineAction({
    path: "/model/validate_provider_credentials",
    type: "model",
    action: "validate_provider_credentials",
    data: OpenObject({ provider: RequiredText, credentials: MapOrNull, credential_type: CredentialType }),
    item: CredentialsItem,
  }),
  defineAction({
    path: "/model/validate_model_credentials",
    type: "model",
    action: "validate_model_credentials",
    data: OpenObject(modelBase(AnyModelType)),
    item: CredentialsItem,
  }),
  defineAction({
    path: "/model/schema",
    type: "model",
    action: "get_ai_model_schemas",
    data: OpenObject(modelBase(AnyModelType)),
    item: SchemaItem,
  }),
  defineAction({
    path: "/model/polling/start",
    type: "model",
    action: "start_polling",
    unary: true,
    data: LLM_REQUEST,
    item: PollingItem,
  }),
  defineAction({
    path: "/model/polling/check",
    type: "model",
    action: "check_polling",
    unary: true,
    data: OpenObject({
      ...modelBase(Exactly("llm")),
      plugin_state: OpenObject({}, { default: null, minProperties: 1 }),
    }),
    item: PollingItem,
  }),
];
