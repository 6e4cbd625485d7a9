import { entriesOf, keyText } from "../yaml/entries.ts";
import {
  type Decoder,
  listOf,
  listOrEmpty,
  nullable,
  omitZero,
  struct,
  type StructOf,
} from "../yaml/decode.ts";
import { free } from "../yaml/free.ts";
import { flag, text } from "../yaml/values.ts";

/** Localised text; languages that we don't know are forwarded. */
export const i18n = struct("I18nObject", {
  en_US: text,
  ja_JP: omitZero(text),
  zh_Hans: omitZero(text),
  pt_BR: omitZero(text),
});

const configFields = {
  name: text,
  type: text,
  scope: nullable(text),
  required: flag,
  default: free,
  options: listOf("ConfigOption", struct("ConfigOption", { value: text, label: i18n })),
  multiple: flag,
  label: i18n,
  help: nullable(i18n),
  url: nullable(text),
  placeholder: nullable(i18n),
};
/** One field of credentials or settings (contract/plugin-package 2.1). */
export const providerConfig = struct("ProviderConfig", configFields);
export type ProviderConfig = StructOf<typeof configFields>;

export const providerConfigs: Decoder<ProviderConfig[] | null> = listOf("ProviderConfig", providerConfig);

/**
 * Credentials as a list, or as a mapping from the field's name to the rest of it, in document order.
 *
 * Forms are told apart by the kind of node, as in the reference: in a mapping an alias counts for nothing, and an
 * alias in place of the whole is only taken as a list.
 */
export const credentialsSchema: Decoder<ProviderConfig[]> = (node, context) => {
  if (node?.kind !== "map") return providerConfigs(node, context) ?? [];
  return entriesOf(node, context).flatMap(({ key, value }) => {
    const name = keyText(key);
    if (value.kind !== "map" || name === undefined) return [];
    return [{ ...providerConfig(value, context), name }];
  });
};

/** As `credentialsSchema`, except that an alias to a mapping counts as absent. */
export const toolCredentialsSchema: Decoder<ProviderConfig[]> = (node, context) =>
  node?.kind === "alias" && node.target.kind === "map" ? [] : credentialsSchema(node, context);

export const oauthSchema = struct("OAuthSchema", {
  client_schema: providerConfigs,
  credentials_schema: providerConfigs,
});

/** Choice of a parameter; the value is always a text. */
export const parameterOptions = listOf(
  "ParameterOption",
  struct("ParameterOption", { value: text, label: i18n, icon: text }),
);

export const autoGenerate = nullable(struct("ParameterAutoGenerate", { type: text }));
export const parameterTemplate = nullable(struct("ParameterTemplate", { enabled: flag }));

export const providerIdentity = struct("ProviderIdentity", {
  author: text,
  name: text,
  description: i18n,
  icon: text,
  icon_dark: text,
  label: i18n,
  tags: listOrEmpty("string", text),
});

export const itemIdentity = struct("ItemIdentity", { author: text, name: text, label: i18n });

/** Items of a provider: inline ones and paths of files. */
export interface ItemList<T> {
  readonly inline: readonly T[];
  readonly files: readonly string[];
}

/** Scalars are paths, mappings are items; anything else, aliases too, counts for nothing. */
export function itemList<T>(item: Decoder<T>): Decoder<ItemList<T>> {
  return (node, context) => {
    const items = node?.kind === "list" ? node.items : [];
    return {
      inline: items.filter((entry) => entry.kind === "map").map((entry) => item(entry, context)),
      files: items.flatMap((entry) => (entry.kind === "scalar" ? [entry.text] : [])),
    };
  };
}
