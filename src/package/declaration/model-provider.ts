import { type Decoder, listOf, listOrEmpty, nullable, optional, struct } from "../yaml/decode.ts";
import { flag, integer, text } from "../yaml/values.ts";
import { model } from "./model.ts";
import { i18n } from "./shared.ts";

/** Keys of the `models` mapping, and of positions. */
export const MODEL_KINDS = ["llm", "text_embedding", "rerank", "tts", "speech2text", "moderation"] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

const showOn = listOrEmpty("FormShowOn", struct("FormShowOn", { variable: text, value: text }));
const formSchemas = listOrEmpty(
  "CredentialForm",
  struct("CredentialForm", {
    variable: text,
    label: i18n,
    type: text,
    required: flag,
    default: nullable(text),
    options: listOrEmpty("FormOption", struct("FormOption", { label: i18n, value: text, show_on: showOn })),
    help: nullable(i18n),
    url: nullable(text),
    placeholder: nullable(i18n),
    max_length: integer,
    show_on: showOn,
  }),
);

const names = listOf("string", text);
const position = struct("ModelPosition", {
  llm: optional(names),
  text_embedding: optional(names),
  rerank: optional(names),
  tts: optional(names),
  speech2text: optional(names),
  moderation: optional(names),
});

type Model = ReturnType<typeof model>;
/** Where the models of a provider come from: the provider file itself, or files found by globs. */
export type ModelSource =
  | { readonly kind: "inline"; readonly models: readonly Model[] }
  | {
      readonly kind: "files";
      readonly globs: readonly string[];
      readonly positions: readonly (readonly [ModelKind, string])[];
    };

const modelFiles = struct("ModelFiles", { predefined: listOrEmpty("string", text), position: text });
const modelMap = struct("ModelFilesByType", {
  llm: optional(modelFiles),
  text_embedding: optional(modelFiles),
  rerank: optional(modelFiles),
  tts: optional(modelFiles),
  speech2text: optional(modelFiles),
  moderation: optional(modelFiles),
});
const inlineModels = listOrEmpty("ModelDeclaration", model);

const modelSource: Decoder<ModelSource> = (node, context) => {
  if (node?.kind !== "map") return { kind: "inline", models: inlineModels(node, context) };
  const byKind = modelMap(node, context);
  return {
    kind: "files",
    globs: MODEL_KINDS.flatMap((kind) => byKind[kind]?.predefined ?? []),
    positions: MODEL_KINDS.flatMap((kind) => {
      const path = byKind[kind]?.position;
      return path ? [[kind, path] as const] : [];
    }),
  };
};

/** A file of `plugins.models` (contract/plugin-package 2.3); its models are still to be read from their files. */
export const modelProvider = struct("ModelProvider", {
  provider: text,
  label: i18n,
  description: nullable(i18n),
  icon_small: nullable(i18n),
  icon_large: nullable(i18n),
  icon_small_dark: nullable(i18n),
  icon_large_dark: nullable(i18n),
  background: nullable(text),
  help: nullable(struct("ProviderHelp", { title: i18n, url: i18n })),
  supported_model_types: listOf("string", text),
  configurate_methods: listOf("string", text),
  provider_credential_schema: nullable(
    struct("ProviderCredentialSchema", { credential_form_schemas: formSchemas }),
  ),
  model_credential_schema: nullable(
    struct("ModelCredentialSchema", {
      model: struct("ModelField", { label: i18n, placeholder: nullable(i18n) }),
      credential_form_schemas: formSchemas,
    }),
  ),
  position: nullable(position),
  models: modelSource,
  model_declarations: inlineModels,
});
