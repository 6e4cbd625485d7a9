import { requireIdentifier } from "../protocol/identifier.ts";
import type { SearchablePlugin } from "../store/store.ts";

/** Languages that texts of plugins can be in. */
export const LANGUAGES = ["en_US", "zh_Hans", "ja_JP", "pt_BR"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Tags that plugins can be searched by (contract/http-api 3.4.3). */
export const TAGS = [
  "search",
  "image",
  "videos",
  "weather",
  "finance",
  "design",
  "travel",
  "social",
  "news",
  "medical",
  "productivity",
  "education",
  "business",
  "entertainment",
  "utilities",
  "agent",
  "rag",
  "other",
  "trigger",
] as const;

export interface PluginSearch {
  /** Looked for in any case; empty finds all. */
  readonly query: string;
  /** One of them is enough; empty finds all. */
  readonly tags: readonly string[];
  /** Where a text is missing in it, the English one counts. */
  readonly language: Language;
}

/** Whether a plugin is found by its id, name, label or description, and by its tags. */
export function matchesSearch(plugin: SearchablePlugin, search: PluginSearch): boolean {
  const { query, tags, language } = search;
  if (tags.length > 0 && !plugin.tags.some((tag) => tags.includes(tag))) return false;
  if (query === "") return true;
  const wanted = query.toLowerCase();
  return [
    plugin.pluginId,
    requireIdentifier(plugin.identifier).name,
    plugin.label[language] || plugin.label.en_US,
    plugin.description[language] || plugin.description.en_US,
  ].some((text) => text.toLowerCase().includes(wanted));
}
