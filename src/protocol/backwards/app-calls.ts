import { Type } from "@sinclair/typebox";
import {
  CredentialType,
  Flag,
  ListOrNull,
  MapOrNull,
  OneOf,
  OpenObject,
  RequiredList,
  RequiredMap,
  RequiredText,
  Text,
} from "../actions/fields.ts";
import { MessageItem } from "../actions/message-item.ts";
import { definePlatformCall, type PlatformCall } from "./platform-call.ts";

const PARAMETER_TYPES = [
  "string",
  "number",
  "bool",
  "select",
  "array[string]",
  "array[number]",
  "array[object]",
] as const;

const node = {
  model: OpenObject(
    { provider: RequiredText, name: RequiredText, mode: RequiredText, completion_params: MapOrNull },
    { default: {} },
  ),
  instruction: Text,
  query: RequiredText,
};

const NodeResult = OpenObject({ process_data: RequiredMap, outputs: RequiredMap, inputs: RequiredMap });

/** Calls of tools, nodes, apps and files (contract/backwards-invocation 1.5, 2.5, 2.6). */
export const APP_CALLS: readonly PlatformCall[] = [
  definePlatformCall({
    type: "tool",
    path: "invoke/tool",
    invoke: "invoke tool failed",
    read: "read tool response failed",
    request: OpenObject({
      tool_type: OneOf(["builtin", "workflow", "api", "mcp"]),
      provider: RequiredText,
      tool: RequiredText,
      tool_parameters: MapOrNull,
      credential_id: Text,
      credential_type: CredentialType,
    }),
    reply: MessageItem,
  }),
  definePlatformCall({
    type: "app",
    path: "invoke/app",
    invoke: "invoke app failed",
    read: "read app failed",
    request: OpenObject({
      app_id: RequiredText,
      inputs: MapOrNull,
      query: Text,
      response_mode: Text,
      conversation_id: Text,
      user: Text,
    }),
    reply: OpenObject({}),
  }),
  definePlatformCall({
    type: "node_parameter_extractor",
    path: "invoke/parameter-extractor",
    invoke: "invoke parameter extractor failed",
    request: OpenObject({
      parameters: RequiredList(
        OpenObject({
          name: RequiredText,
          type: OneOf(PARAMETER_TYPES),
          options: ListOrNull(Type.String()),
          description: Text,
          required: Flag,
        }),
      ),
      ...node,
    }),
    reply: NodeResult,
  }),
  definePlatformCall({
    type: "node_question_classifier",
    path: "invoke/question-classifier",
    invoke: "invoke question classifier failed",
    request: OpenObject({
      classes: RequiredList(OpenObject({ id: RequiredText, name: RequiredText })),
      ...node,
    }),
    reply: NodeResult,
  }),
  definePlatformCall({
    type: "upload_file",
    path: "upload/file/request",
    invoke: "upload file failed",
    request: OpenObject({ filename: RequiredText, mimetype: RequiredText }),
    reply: OpenObject({ url: Text }),
  }),
  definePlatformCall({
    type: "fetch_app",
    path: "fetch/app/info",
    invoke: "fetch app failed",
    request: OpenObject({ app_id: RequiredText }),
    reply: OpenObject({ data: RequiredMap }),
    member: "data",
  }),
];
