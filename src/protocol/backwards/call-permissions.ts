import type { PluginPermission } from "../declaration.ts";

/** What the manifest has to allow for a type of call back; `model` means its switch and the kind's. */
type Need =
  | { readonly on: "tool" | "node" | "app" | "storage" }
  | { readonly on: "model"; readonly kind: string; readonly words: string }
  | undefined;

const llm = { on: "model", kind: "llm", words: "llm" } as const;
const embedding = { on: "model", kind: "text_embedding", words: "text-embedding" } as const;
const rerank = { on: "model", kind: "rerank", words: "rerank" } as const;

/** Every type of call back (contract/backwards-invocation 1.4), and the `user.get_info` of contract/plain-protocol 7. */
const NEEDS: Readonly<Record<string, Need>> = {
  tool: { on: "tool" },
  llm,
  llm_structured_output: llm,
  text_embedding: embedding,
  multimodal_embedding: embedding,
  rerank,
  multimodal_rerank: rerank,
  tts: { on: "model", kind: "tts", words: "tts" },
  speech2text: { on: "model", kind: "speech2text", words: "speech2text" },
  moderation: { on: "model", kind: "moderation", words: "moderation" },
  node_parameter_extractor: { on: "node" },
  node_question_classifier: { on: "node" },
  app: { on: "app" },
  fetch_app: { on: "app" },
  storage: { on: "storage" },
  system_summary: llm,
  upload_file: undefined,
  user_info: undefined,
};

/** Why a plugin may not make a call back of this type; undefined where it may. Clients match these texts. */
export function refusalOf(type: string, permission: PluginPermission | undefined): string | undefined {
  if (!Object.hasOwn(NEEDS, type)) return `unsupported invoke type: ${type}`;
  const need = NEEDS[type];
  if (!need) return undefined;
  const allowed =
    need.on === "model"
      ? permission?.model?.["enabled"] === true && permission.model[need.kind] === true
      : permission?.[need.on]?.enabled === true;
  if (allowed) return undefined;
  const words = need.on === "model" ? need.words : need.on;
  return `permission denied, you need to enable ${words} access in plugin manifest`;
}
