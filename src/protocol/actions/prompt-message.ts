import { type TObject, type TSchema, type TUnion, Type } from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";
import { ListOrNull, OneOf, OpenObject, RequiredText, Text } from "./fields.ts";

const ROLES = ["system", "user", "assistant", "tool"] as const;
const PART_TYPES = ["text", "image", "audio", "video", "document"] as const;

/** A call of a tool that the model wants, complete: the reference sends every key. */
export const ToolCall = OpenObject({
  id: Text,
  type: Text,
  function: OpenObject({ name: Text, arguments: Text }, { default: {} }),
});

/** The reference checks roles and kinds of parts in some places and leaves them to the plugin in others. */
export type Strictness = "strict" | "lenient";

function contentPart(strictness: Strictness): TObject {
  return OpenObject(
    {
      type: strictness === "strict" ? OneOf(PART_TYPES) : Text,
      base64_data: Text,
      url: Text,
      data: Text,
      encode_format: Text,
      format: Text,
      mime_type: Text,
      detail: Type.Optional(Text),
      filename: Text,
    },
    { refine: withoutEmptyDetail },
  );
}

/** An image's `detail` is `low`, `high` or not there: `""` fails the SDK (contract/plugin-wire 4.3). */
function withoutEmptyDetail(part: unknown): unknown {
  if (!isRecord(part) || part["type"] !== "image" || part["detail"] !== "") return part;
  const { detail: _, ...rest } = part;
  return rest;
}

function content(strictness: Strictness, zero: string | null): TUnion {
  return Type.Union([Type.String(), Type.Array(contentPart(strictness))], { default: zero });
}

/**
 * A message of a prompt with all of its keys (contract/http-api 4.6). `opaque_body` stays as it was sent, or absent.
 * `tool_calls` is null where none were sent, except for an assistant: there null fails the SDK.
 */
export function promptMessage(strictness: Strictness): TObject {
  return OpenObject(
    {
      role: strictness === "strict" ? OneOf(ROLES) : RequiredText,
      content: content(strictness, null),
      name: Text,
      tool_calls: ListOrNull(ToolCall),
      tool_call_id: Text,
    },
    { refine: withToolCallList },
  );
}

const NO_CALLS: readonly unknown[] = [];

/** A list of calls where an assistant's message has none. */
export function withToolCallList(message: unknown): unknown {
  if (!isRecord(message) || message["role"] !== "assistant" || message["tool_calls"] !== null) return message;
  return { ...message, tool_calls: NO_CALLS };
}

/** A message that a model answers. Null content is an empty text, the list of calls always stands. */
export const AnswerMessage: TSchema = OpenObject({
  role: OneOf(ROLES),
  content: content("strict", ""),
  name: Text,
  tool_calls: Type.Array(ToolCall, { default: NO_CALLS }),
  tool_call_id: Text,
});
