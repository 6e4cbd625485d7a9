import type { PluginPermission } from "../../protocol/declaration.ts";

/** What a plugin may ask of Dify, in the order of a form. Those `of: "model"` need `model` itself, too. */
export const PERMISSIONS = [
  { name: "tool", label: "Call tools" },
  { name: "model", label: "Call models" },
  { name: "llm", label: "LLM", of: "model" },
  { name: "text_embedding", label: "Text embedding", of: "model" },
  { name: "rerank", label: "Rerank", of: "model" },
  { name: "tts", label: "Text to speech", of: "model" },
  { name: "speech2text", label: "Speech to text", of: "model" },
  { name: "moderation", label: "Moderation", of: "model" },
  { name: "node", label: "Run nodes of workflows" },
  { name: "app", label: "Call apps" },
  { name: "storage", label: "Keep data" },
  { name: "endpoint", label: "Serve endpoints" },
] as const;

export type PermissionName = (typeof PERMISSIONS)[number]["name"];

export interface Permissions {
  readonly allowed: ReadonlySet<PermissionName>;
  /** Limit of what is kept in bytes; counts only where `storage` is allowed. */
  readonly storageBytes: number;
}

/** What a plugin that keeps data gets unless it asks for more. */
export const DEFAULT_STORAGE_BYTES = 1024 * 1024;

const MODEL_KINDS: readonly PermissionName[] = PERMISSIONS.filter((permission) => "of" in permission).map(
  ({ name }) => name,
);

/** One more permission, or one less. A kind of model brings `model` with it, and goes with it. */
export function togglePermission(permissions: Permissions, name: PermissionName): Permissions {
  const allowed = new Set(permissions.allowed);
  const kind = MODEL_KINDS.includes(name);
  if (allowed.delete(name)) {
    if (name === "model") for (const each of MODEL_KINDS) allowed.delete(each);
  } else {
    allowed.add(name);
    if (kind) allowed.add("model");
  }
  return { ...permissions, allowed };
}

/** `resource.permission` as it stands in a manifest: only what is allowed, and every kind of model. */
export function declaredPermission({ allowed, storageBytes }: Permissions): PluginPermission {
  const one = (name: "tool" | "node" | "endpoint" | "app") =>
    allowed.has(name) ? { [name]: { enabled: true } } : {};
  const models = Object.fromEntries(MODEL_KINDS.map((kind) => [kind, allowed.has(kind)]));
  return {
    ...one("tool"),
    ...(allowed.has("model") && { model: { enabled: true, ...models } }),
    ...one("node"),
    ...one("endpoint"),
    ...one("app"),
    ...(allowed.has("storage") && { storage: { enabled: true, size: storageBytes } }),
  };
}

/** What a manifest allows. A kind of model that stands without `model` counts for nothing, as at run time. */
export function permissionsOf(declared: PluginPermission | undefined): Permissions {
  const allowed = new Set<PermissionName>();
  const { model, storage } = declared ?? {};
  for (const name of ["tool", "node", "endpoint", "app"] as const)
    if (declared?.[name]?.enabled) allowed.add(name);
  if (model?.["enabled"]) {
    allowed.add("model");
    for (const kind of MODEL_KINDS) if (model[kind]) allowed.add(kind);
  }
  if (storage?.enabled) allowed.add("storage");
  return { allowed, storageBytes: storage?.size || DEFAULT_STORAGE_BYTES };
}
