/**
 * The declaration of a plugin: manifest and all provider files merged, as the API returns it
 * (contract/plugin-package 2.9, contract/http-api appendix A). Only what the daemon itself reads is typed;
 * everything else is kept and forwarded as it is.
 */
export interface PluginDeclaration {
  readonly version: string;
  readonly author: string;
  readonly name: string;
  readonly label: I18n;
  readonly description: I18n;
  readonly icon: string;
  readonly icon_dark: string;
  readonly resource: { readonly memory: number; readonly permission?: PluginPermission };
  readonly plugins: Readonly<Record<string, readonly string[] | null>>;
  readonly meta: {
    readonly version: string;
    readonly arch: readonly string[] | null;
    readonly runner: PluginRunner;
    readonly minimum_dify_version: string | null;
  };
  readonly tags: readonly string[];
  readonly created_at: string;
  readonly verified: boolean;
  readonly tool?: Readonly<Record<string, unknown>>;
  readonly model?: Readonly<Record<string, unknown>>;
  readonly endpoint?: Readonly<Record<string, unknown>>;
  readonly agent_strategy?: Readonly<Record<string, unknown>>;
  readonly datasource?: Readonly<Record<string, unknown>>;
  readonly trigger?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** How a plugin is run. `language` is `python`, `typescript` or `javascript`, or anything where there is a command. */
export interface PluginRunner {
  readonly language: string;
  readonly version: string;
  readonly entrypoint: string;
  /** Unchecked, as the next two: `readRunner()` decodes them. */
  readonly protocol?: unknown;
  readonly heartbeat?: unknown;
  readonly command?: unknown;
}

/** Localised text; `en_US` always stands. */
export interface I18n {
  readonly en_US: string;
  readonly zh_Hans?: string;
  readonly ja_JP?: string;
  readonly pt_BR?: string;
}

/** What the manifest asks for (contract/plugin-package 1.5). */
export interface PluginPermission {
  readonly tool?: { readonly enabled: boolean };
  readonly model?: Readonly<Record<string, boolean>>;
  readonly node?: { readonly enabled: boolean };
  readonly endpoint?: { readonly enabled: boolean };
  readonly app?: { readonly enabled: boolean };
  readonly storage?: { readonly enabled: boolean; readonly size: number };
}

/** Category of a plugin; the first kind that it has decides (contract/plugin-package 1.6). */
export type PluginCategory = "tool" | "model" | "datasource" | "agent-strategy" | "trigger" | "extension";

/** Kinds of providers that the API lists; also their keys in a declaration. */
export type ProviderKind = "tool" | "model" | "agent_strategy" | "datasource" | "trigger";

const KINDS: readonly (readonly [PluginCategory, ProviderKind, string])[] = [
  ["tool", "tool", "tools"],
  ["model", "model", "models"],
  ["datasource", "datasource", "datasources"],
  ["agent-strategy", "agent_strategy", "agent_strategies"],
  ["trigger", "trigger", "triggers"],
];

export function categoryOf(declaration: PluginDeclaration): PluginCategory {
  for (const [category, kind, list] of KINDS)
    if (declaration[kind] || (declaration.plugins[list]?.length ?? 0) > 0) return category;
  return "extension";
}

/** Who signed a package; null when nobody did. */
export interface Verification {
  readonly authorized_category: string;
}
