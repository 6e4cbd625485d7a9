import { Type } from "@sinclair/typebox";
import { type ActionRow, defineAction } from "./action.ts";
import { CredentialType, Flag, MapOrNull, OpenObject, RequiredMap, RequiredText, Text } from "./fields.ts";
import { ResultItem } from "./message-item.ts";

const TRIGGER_BASE = { provider: RequiredText, credentials: MapOrNull, credential_type: CredentialType };
const SubscriptionItem = OpenObject({ subscription: MapOrNull });

/**
 * contract/plugin-wire 4.9, contract/http-api 4.12. As recorded from the reference, an absent `payload` becomes null and an
 * absent `credential_type` stays absent, although the SDK refuses both.
 */
export const TRIGGER_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/trigger/invoke_event",
    type: "trigger",
    action: "invoke_trigger_event",
    data: OpenObject({
      ...TRIGGER_BASE,
      event: RequiredText,
      raw_http_request: RequiredText,
      parameters: MapOrNull,
      subscription: RequiredMap,
      payload: MapOrNull,
    }),
    // Clients read `variables` as an object, where the reference may send null.
    item: OpenObject({ variables: OpenObject({}, { default: {} }), cancelled: Flag }),
  }),
  defineAction({
    path: "/trigger/validate_credentials",
    type: "trigger",
    action: "validate_trigger_credentials",
    data: OpenObject(TRIGGER_BASE),
    item: ResultItem,
  }),
  defineAction({
    path: "/trigger/dispatch_event",
    type: "trigger",
    action: "dispatch_trigger_event",
    data: OpenObject({ ...TRIGGER_BASE, subscription: RequiredMap, raw_http_request: RequiredText }),
    item: OpenObject({
      user_id: Text,
      events: Type.Array(Type.String(), { default: [] }),
      payload: Type.Optional(OpenObject({}, { omit: "empty" })),
      response: Text,
    }),
  }),
  defineAction({
    path: "/trigger/subscribe",
    type: "trigger",
    action: "subscribe_trigger",
    data: OpenObject({ ...TRIGGER_BASE, endpoint: RequiredText, parameters: MapOrNull }),
    item: SubscriptionItem,
  }),
  defineAction({
    path: "/trigger/unsubscribe",
    type: "trigger",
    action: "unsubscribe_trigger",
    data: OpenObject({ ...TRIGGER_BASE, subscription: RequiredMap }),
    item: SubscriptionItem,
  }),
  defineAction({
    path: "/trigger/refresh",
    type: "trigger",
    action: "refresh_trigger",
    data: OpenObject({ ...TRIGGER_BASE, subscription: RequiredMap }),
    item: SubscriptionItem,
  }),
];
