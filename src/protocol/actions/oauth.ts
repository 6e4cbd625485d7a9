import { Type } from "@sinclair/typebox";
import { type ActionRow, defineAction } from "./action.ts";
import { MapOrNull, OpenObject, RequiredMap, RequiredText, Text } from "./fields.ts";

const OAUTH_BASE = { provider: RequiredText, redirect_uri: RequiredText, system_credentials: MapOrNull };

/** Unix seconds. Not filled in: a client takes its absence for "never", and 0 for long ago. */
const ExpiresAt = Type.Optional(Type.Integer({ omit: "null" }));

/** contract/plugin-wire 4.6, contract/http-api 4.10 */
export const OAUTH_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/oauth/get_authorization_url",
    type: "oauth",
    action: "get_authorization_url",
    data: OpenObject(OAUTH_BASE),
    item: OpenObject({ authorization_url: Text }),
  }),
  defineAction({
    path: "/oauth/get_credentials",
    type: "oauth",
    action: "get_credentials",
    data: OpenObject({ ...OAUTH_BASE, raw_http_request: RequiredText }),
    item: OpenObject({
      metadata: Type.Optional(OpenObject({}, { omit: "empty" })),
      credentials: MapOrNull,
      expires_at: ExpiresAt,
    }),
  }),
  defineAction({
    path: "/oauth/refresh_credentials",
    type: "oauth",
    action: "refresh_credentials",
    data: OpenObject({ ...OAUTH_BASE, credentials: RequiredMap }),
    item: OpenObject({ credentials: MapOrNull, expires_at: ExpiresAt }),
  }),
];
