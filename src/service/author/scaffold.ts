import { Scalar, stringify } from "yaml";
import { declaredPermission, type PermissionName, type Permissions } from "./plugin-permissions.ts";
import {
  AGENT_STRATEGY,
  COMMON,
  DATASOURCE,
  ENDPOINT,
  MODELS,
  type ReadmeLanguage,
  type Templates,
  TOOL,
  TRANSLATED_READMES,
  TRIGGER,
} from "./plugin-templates.ts";
import { classBase } from "./python-names.ts";
import { TYPESCRIPT_COMMON, TYPESCRIPT_TEMPLATES } from "./typescript-templates.ts";
import { escapeUnsafe, isUnsafe, renderTemplate } from "./render-template.ts";

/** What a new plugin can be, in the order of a form (contract/plugin-package 7.2). */
export const CATEGORIES = [
  "tool",
  "agent-strategy",
  "llm",
  "text-embedding",
  "rerank",
  "tts",
  "speech2text",
  "moderation",
  "datasource",
  "trigger",
  "extension",
] as const;

export type NewPluginCategory = (typeof CATEGORIES)[number];

export const LANGUAGES = ["python", "typescript"] as const;

export type NewPluginLanguage = (typeof LANGUAGES)[number];

/** What a language has a template for. */
export function categoriesIn(language: NewPluginLanguage): readonly NewPluginCategory[] {
  return language === "python"
    ? CATEGORIES
    : CATEGORIES.filter((category) => category in TYPESCRIPT_TEMPLATES);
}

export interface NewPlugin {
  /** `a-z0-9_-`, at most 64 and 128 characters. */
  readonly author: string;
  readonly name: string;
  readonly description: string;
  /** A URL; empty for none. */
  readonly repo: string;
  readonly category: NewPluginCategory;
  /** Default: `python`. */
  readonly language?: NewPluginLanguage;
  readonly permissions: Permissions;
  /** The oldest Dify that will do, such as `1.7.0`; empty for any. */
  readonly minimumDifyVersion: string;
  readonly readmes: readonly ReadmeLanguage[];
  readonly createdAt: Date;
}

interface Kind {
  /** Key of `plugins` in the manifest, and the file that it names. */
  readonly plugins: readonly [string, string];
  readonly templates: Templates;
  /** Its code makes use of these. */
  readonly needs: readonly PermissionName[];
  /** Rows of the table in the guide. */
  readonly parts: readonly (readonly [string, string])[];
}

const PROVIDER = "provider/{{name}}.yaml";
const PROVIDER_PART = ["`provider/`", "the provider: its name, icon, credentials, and their check"] as const;
const MODEL_PARTS = [
  PROVIDER_PART,
  ["`models/`", "a file for each model, and the code that asks it"],
] as const;

const KINDS: Readonly<Record<NewPluginCategory, Kind>> = {
  tool: {
    plugins: ["tools", PROVIDER],
    templates: TOOL,
    needs: [],
    parts: [PROVIDER_PART, ["`tools/`", "the tools: their parameters, and what they do"]],
  },
  "agent-strategy": {
    plugins: ["agent_strategies", PROVIDER],
    templates: AGENT_STRATEGY,
    needs: ["tool", "model", "llm"],
    parts: [PROVIDER_PART, ["`strategies/`", "the strategies: their parameters, and what they do"]],
  },
  datasource: {
    plugins: ["datasources", PROVIDER],
    templates: DATASOURCE,
    needs: [],
    parts: [PROVIDER_PART, ["`datasources/`", "the sources: their parameters, and what they fetch"]],
  },
  trigger: {
    plugins: ["triggers", PROVIDER],
    templates: TRIGGER,
    needs: [],
    parts: [
      ["`provider/`", "what is subscribed to, and which events a call means"],
      ["`events/`", "the events: their parameters, and the variables that they give"],
    ],
  },
  extension: {
    plugins: ["endpoints", "group/{{name}}.yaml"],
    templates: ENDPOINT,
    needs: ["endpoint"],
    parts: [
      ["`group/`", "the endpoints, and the settings that they share"],
      ["`endpoints/`", "a path and a method for each, and what answers there"],
    ],
  },
  llm: modelKind("llm"),
  "text-embedding": modelKind("text_embedding"),
  rerank: modelKind("rerank"),
  tts: modelKind("tts"),
  speech2text: modelKind("speech2text"),
  moderation: modelKind("moderation"),
};

function modelKind(section: keyof typeof MODELS): Kind {
  return { plugins: ["models", PROVIDER], templates: MODELS[section], needs: [], parts: MODEL_PARTS };
}

/** Allows what the code of a new plugin could not do its work without. */
export function allowNeeded(permissions: Permissions, category: NewPluginCategory): Permissions {
  return { ...permissions, allowed: new Set([...permissions.allowed, ...KINDS[category].needs]) };
}

/**
 * The files of a new plugin: path in its folder → text. It packs, installs and answers as it is. The language has to have
 * the category.
 */
export function scaffoldPlugin(plugin: NewPlugin): ReadonlyMap<string, string> {
  const { parts } = KINDS[plugin.category];
  const values = {
    ...moduleValues(plugin),
    category: plugin.category,
    // Only models look at these.
    kind: plugin.category,
    section: plugin.category.replaceAll("-", "_"),
    parts: parts.map(([path, purpose]) => `| ${path} | ${purpose} |`).join("\n"),
  };
  const readmes = plugin.readmes.map(
    (language) => [`readme/README_${language}.md`, TRANSLATED_READMES[language]] as const,
  );
  const all = { ...templatesOf(plugin), ...Object.fromEntries(readmes) };
  return new Map([["manifest.yaml", manifestText(plugin)], ...renderAll(all, values)]);
}

function templatesOf({ language, category }: NewPlugin): Templates {
  if (language !== "typescript") return { ...COMMON, ...KINDS[category].templates };
  const own = Object.entries(TYPESCRIPT_TEMPLATES).find(([name]) => name === category)?.[1];
  return { ...TYPESCRIPT_COMMON, ...own };
}

/** The files of one more part of a plugin that is there: a tool provider with a tool, or a group with an endpoint. */
export function scaffoldModule(
  kind: "tools" | "endpoints",
  plugin: Pick<NewPlugin, "author" | "name" | "description">,
): { readonly provider: string; readonly files: ReadonlyMap<string, string> } {
  const { plugins, templates } = KINDS[kind === "tools" ? "tool" : "extension"];
  const values = moduleValues(plugin);
  return { provider: renderTemplate(plugins[1], values), files: new Map(renderAll(templates, values)) };
}

function moduleValues({ author, name, description }: Pick<NewPlugin, "author" | "name" | "description">) {
  return { author, name, description, class: classBase(name) };
}

function renderAll(templates: Templates, values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(templates).map(([path, text]) => [
    renderTemplate(path, values),
    renderTemplate(text, values),
  ]);
}

const RUNNERS: Readonly<Record<NewPluginLanguage, object>> = {
  python: { language: "python", version: "3.12", entrypoint: "main" },
  typescript: { language: "typescript", version: "1.4", entrypoint: "main", protocol: "plain" },
};
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;
const MANIFEST_LANGUAGES = ["en_US", "ja_JP", "zh_Hans", "pt_BR"];

function manifestText(plugin: NewPlugin): string {
  const [list, file] = KINDS[plugin.category].plugins;
  const everywhere = (text: string) =>
    Object.fromEntries(MANIFEST_LANGUAGES.map((language) => [language, safeText(text)]));
  return yamlText({
    version: "0.0.1",
    type: "plugin",
    author: plugin.author,
    name: plugin.name,
    label: everywhere(plugin.name),
    description: everywhere(plugin.description),
    icon: "icon.svg",
    icon_dark: "icon-dark.svg",
    resource: { memory: DEFAULT_MEMORY_BYTES, permission: declaredPermission(plugin.permissions) },
    plugins: { [list]: [renderTemplate(file, moduleValues(plugin))] },
    meta: {
      version: "0.0.1",
      arch: ["amd64", "arm64"],
      runner: RUNNERS[plugin.language ?? "python"],
      ...(plugin.minimumDifyVersion && { minimum_dify_version: plugin.minimumDifyVersion }),
    },
    created_at: plugin.createdAt.toISOString(),
    privacy: "PRIVACY.md",
    ...(plugin.repo && { repo: plugin.repo }),
    verified: false,
  });
}

/** Quotes what any YAML reader, also one of version 1.1, would take for something else than a text. */
function yamlText(value: unknown): string {
  return escapeUnsafe(stringify(value, { version: "1.1", indent: 2, lineWidth: 0, ...ONE_LINE }));
}

const ONE_LINE = { doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER };

function safeText(text: string): string | Scalar {
  return isUnsafe(text) ? Object.assign(new Scalar(text), { type: Scalar.QUOTE_DOUBLE }) : text;
}
