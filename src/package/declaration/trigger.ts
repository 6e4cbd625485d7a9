import { type Decoder, listOf, listOrEmpty, nullable, omitZero, optional, struct } from "../yaml/decode.ts";
import { free, freeMapOmitEmpty } from "../yaml/free.ts";
import { flag, float, integer, text } from "../yaml/values.ts";
import { credentialsSchema, i18n, itemIdentity, itemList, oauthSchema, providerIdentity } from "./shared.ts";

/** Unlike those of tools, options keep the type of their value. */
const eventOption = struct("EventParameterOption", { label: i18n, value: free });

/** Unlike those of tools, unset keys are left out. */
const eventParameter = struct("EventParameter", {
  name: text,
  label: i18n,
  type: text,
  auto_generate: optional(struct("ParameterAutoGenerate", { type: text })),
  template: optional(struct("ParameterTemplate", { enabled: flag })),
  scope: optional(text),
  required: flag,
  multiple: omitZero(flag),
  default: optional(free),
  min: optional(float),
  max: optional(float),
  precision: optional(integer),
  options: omitZero(listOf("EventParameterOption", eventOption)),
  description: optional(i18n),
});

/** A file of `events` (contract/plugin-package 2.8). */
export const event = struct("EventDeclaration", {
  identity: itemIdentity,
  parameters: listOf("EventParameter", eventParameter),
  description: i18n,
  output_schema: freeMapOmitEmpty,
});

/** Present also where the key is there with no value. */
const constructorOauth: Decoder<ReturnType<typeof oauthSchema> | undefined> = (node, context) =>
  node ? oauthSchema(node, context) : undefined;

/** A file of `plugins.triggers`; its events are still to be read from their files. */
export const triggerProvider = struct("TriggerProvider", {
  identity: providerIdentity,
  subscription_schema: credentialsSchema,
  subscription_constructor: nullable(
    struct("SubscriptionConstructor", {
      parameters: listOrEmpty("EventParameter", eventParameter),
      credentials_schema: credentialsSchema,
      oauth_schema: constructorOauth,
    }),
  ),
  events: itemList(event),
});
