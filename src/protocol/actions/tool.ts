import { type ActionRow, defineAction } from "./action.ts";
import { CredentialType, ListOrNull, MapElseNull, MapOrNull, OpenObject, RequiredText } from "./fields.ts";
import { MessageItem, ResultItem } from "./message-item.ts";

/** contract/plugin-wire 4.2, contract/http-api 4.3. Chunks of blobs are passed through: the platform puts them together. */
export const TOOL_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/tool/invoke",
    type: "tool",
    action: "invoke_tool",
    data: OpenObject({
      provider: RequiredText,
      tool: RequiredText,
      tool_parameters: MapElseNull,
      credentials: MapOrNull,
      credential_type: CredentialType,
    }),
    item: MessageItem,
  }),
  defineAction({
    path: "/tool/validate_credentials",
    type: "tool",
    action: "validate_tool_credentials",
    data: OpenObject({ provider: RequiredText, credentials: MapOrNull }),
    item: ResultItem,
  }),
  defineAction({
    path: "/tool/get_runtime_parameters",
    type: "tool",
    action: "get_tool_runtime_parameters",
    data: OpenObject({ provider: RequiredText, tool: RequiredText, credentials: MapOrNull }),
    item: OpenObject({ parameters: ListOrNull(OpenObject({})) }),
  }),
];
