import { Type } from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";
import { Decimal } from "./decimal.ts";
import { MapOrNull, OneOf, OpenObject, RequiredList, RequiredText, Text, TextOrNull } from "./fields.ts";
import { unmarshalError } from "./unmarshal-error.ts";
import { AnswerMessage } from "./prompt-message.ts";

/** Every key has to be there and not null. */
const LlmUsage = OpenObject({
  prompt_tokens: Type.Integer(),
  prompt_unit_price: Decimal,
  prompt_price_unit: Decimal,
  prompt_price: Decimal,
  completion_tokens: Type.Integer(),
  completion_unit_price: Decimal,
  completion_price_unit: Decimal,
  completion_price: Decimal,
  total_tokens: Type.Integer(),
  total_price: Decimal,
  currency: Type.String(),
  latency: Type.Number(),
});

const NO_MESSAGES: readonly unknown[] = [];

/** contract/http-api 4.6. Old SDKs repeat the whole prompt in every chunk; clients want the key, and it empty. */
export const LlmChunk = OpenObject({
  model: RequiredText,
  system_fingerprint: Text,
  delta: OpenObject({
    index: Type.Integer(),
    message: AnswerMessage,
    usage: Type.Union([LlmUsage, Type.Null()], { default: null }),
    finish_reason: TextOrNull,
  }),
  prompt_messages: Type.Array(Type.Unknown(), {
    default: NO_MESSAGES,
    refine: (value: unknown) => (Array.isArray(value) && value.length === 0 ? value : NO_MESSAGES),
  }),
});

const PollingCount = Type.Optional(Type.Integer({ omit: "null" }));

/** contract/http-api 4.7. `result` is passed on to the letter, also a null. */
export const PollingItem = OpenObject(
  {
    status: OneOf(["running", "succeeded", "failed"]),
    plugin_state: Type.Optional(OpenObject({}, { omit: "empty" })),
    result: Type.Optional(Type.Unknown()),
    error: Type.Optional(Type.String({ omit: "empty" })),
    next_check_after_seconds: PollingCount,
    expires_after_seconds: PollingCount,
    max_attempts: PollingCount,
  },
  { refine: withWhatItsStatusNeeds },
);

function withWhatItsStatusNeeds(item: unknown): unknown {
  if (!isRecord(item)) return item;
  const { status, plugin_state: state, result, error } = item;
  if (status === "running" && state === undefined)
    throw unmarshalError('a polling result that is "running" needs a plugin_state that is not empty');
  if (status === "succeeded" && (result === undefined || result === null))
    throw unmarshalError('a polling result that "succeeded" needs a result');
  if (status === "failed" && (typeof error !== "string" || error.trim() === ""))
    throw unmarshalError('a polling result that "failed" needs an error');
  return item;
}

export const EmbeddingItem = OpenObject({
  model: RequiredText,
  embeddings: RequiredList(Type.Array(Type.Number())),
  usage: OpenObject({
    tokens: Type.Integer(),
    total_tokens: Type.Integer(),
    unit_price: Decimal,
    price_unit: Decimal,
    total_price: Decimal,
    currency: Type.String(),
    latency: Type.Number(),
  }),
});

export const RerankItem = OpenObject({
  model: RequiredText,
  docs: RequiredList(OpenObject({ index: Type.Integer(), text: Type.String(), score: Type.Number() })),
});

/** Audio in hex; the media type only where the plugin knows it. */
export const SpeechItem = OpenObject({
  result: Text,
  mime_type: Type.Optional(Type.String({ omit: "empty" })),
});

export const VoicesItem = OpenObject({
  voices: RequiredList(OpenObject({ name: RequiredText, value: RequiredText })),
});

export const CredentialsItem = OpenObject({
  result: Type.Boolean({ default: false }),
  credentials: MapOrNull,
});
