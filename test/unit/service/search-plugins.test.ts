import { describe, expect, test } from "bun:test";
import { matchesSearch, type PluginSearch, TAGS } from "../../../src/service/search-plugins.ts";
import type { SearchablePlugin } from "../../../src/store/store.ts";

const plugin: SearchablePlugin = {
  id: "i",
  tenantId: "t",
  pluginId: "acme/finder",
  identifier: `acme/finder:0.0.1@${"a".repeat(64)}`,
  runtimeType: "local",
  runtimeReason: "",
  source: "package",
  meta: {},
  endpointsSetups: 0,
  endpointsActive: 0,
  createdAt: new Date(0),
  updatedAt: new Date(0),
  label: { en_US: "Web Search", zh_Hans: "网页搜索", ja_JP: "" },
  description: { en_US: "Looks things up" },
  tags: ["search", "utilities"],
};

function matches(search: Partial<PluginSearch>): boolean {
  return matchesSearch(plugin, { query: "", tags: [], language: "en_US", ...search });
}

describe("matchesSearch()", () => {
  test("finds everything when nothing is asked for", () => {
    expect(matches({})).toBe(true);
  });

  test("looks in id, name, label and description, in any case and anywhere in the text", () => {
    for (const query of ["ACME/", "finDER", "eb sea", "THINGS", "me/fi"])
      expect([query, matches({ query })]).toEqual([query, true]);
    for (const query of ["acme finder", "0.0.1", "utilities", "网页"])
      expect([query, matches({ query })]).toEqual([query, false]);
  });

  test("looks in texts of the language, and in the English one where that is missing or empty", () => {
    expect(matches({ query: "网页", language: "zh_Hans" })).toBe(true);
    expect(matches({ query: "web search", language: "zh_Hans" })).toBe(false);
    expect(matches({ query: "things", language: "zh_Hans" })).toBe(true);
    expect(matches({ query: "web search", language: "ja_JP" })).toBe(true);
    expect(matches({ query: "web search", language: "pt_BR" })).toBe(true);
  });

  test("wants one of the tags, and the query as well", () => {
    expect(matches({ tags: ["image", "search"] })).toBe(true);
    expect(matches({ tags: ["image"] })).toBe(false);
    expect(matches({ tags: ["search"], query: "nothing" })).toBe(false);
  });

  test("knows the tags of the contract", () => {
    expect(new Set(TAGS).size).toBe(19);
  });
});
