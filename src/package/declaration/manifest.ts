import { type Decoder, listOf, nullable, omitZero, optional, struct } from "../yaml/decode.ts";
import { flag, integer, text, time, unsigned } from "../yaml/values.ts";
import { agentStrategyProvider } from "./agent-strategy.ts";
import { datasourceProvider } from "./datasource.ts";
import { endpointProvider } from "./endpoint.ts";
import { modelProvider } from "./model-provider.ts";
import { i18n } from "./shared.ts";
import { toolProvider } from "./tool.ts";
import { triggerProvider } from "./trigger.ts";

const enabled = optional(struct("Permission", { enabled: flag }));
const knownModelPermission = struct("ModelPermission", {
  enabled: flag,
  llm: flag,
  text_embedding: flag,
  rerank: flag,
  tts: flag,
  speech2text: flag,
  moderation: flag,
});
/** Keeps the entries that are of one type: of keys that we don't know, only these are forwarded here. */
function onlyOf<T>(
  decoder: Decoder<Record<string, unknown>>,
  fits: (value: unknown) => value is T,
): Decoder<Record<string, T>> {
  return (node, context) =>
    Object.fromEntries(
      Object.entries(decoder(node, context)).flatMap(([name, value]) =>
        fits(value) ? [[name, value] as const] : [],
      ),
    );
}
const modelPermission = onlyOf(knownModelPermission, (value) => typeof value === "boolean");
const permission = struct("PluginPermission", {
  tool: enabled,
  model: optional(modelPermission),
  node: enabled,
  endpoint: enabled,
  app: enabled,
  storage: optional(struct("StoragePermission", { enabled: flag, size: unsigned })),
});
const texts = listOf("string", text);
const pluginFiles = onlyOf(
  struct("PluginFiles", {
    tools: texts,
    models: texts,
    endpoints: texts,
    agent_strategies: texts,
    datasources: texts,
    triggers: texts,
  }),
  (value): value is string[] | null =>
    value === null || (Array.isArray(value) && value.every((item) => typeof item === "string")),
);

/** `manifest.yaml` (contract/plugin-package 1.5), in the order in which a declaration prints it. */
export const manifest = struct("PluginDeclaration", {
  version: text,
  type: text,
  author: text,
  name: text,
  label: i18n,
  description: i18n,
  icon: text,
  icon_dark: text,
  resource: struct("PluginResource", { memory: integer, permission: optional(permission) }),
  plugins: pluginFiles,
  meta: struct("PluginMeta", {
    version: text,
    arch: texts,
    runner: struct("PluginRunner", { language: text, version: text, entrypoint: text }),
    minimum_dify_version: nullable(text),
  }),
  tags: texts,
  created_at: time,
  privacy: omitZero(text),
  repo: omitZero(text),
  verified: flag,
  endpoint: optional(endpointProvider),
  model: optional(modelProvider),
  tool: optional(toolProvider),
  agent_strategy: optional(agentStrategyProvider),
  datasource: optional(datasourceProvider),
  trigger: optional(triggerProvider),
});
