import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { assembleDeclaration } from "../../../src/package/declaration/assemble.ts";
import { manifest } from "../../../src/package/declaration/manifest.ts";
import { startPacer } from "../../../src/package/pacer.ts";
import { remapIcons } from "../../../src/package/remap-assets.ts";
import { openSourceFiles } from "../../../src/package/source-files.ts";
import { validateUpload } from "../../../src/package/validate-upload.ts";
import { categoryOf } from "../../../src/protocol/declaration.ts";
import { manifestProblems } from "../../../src/package/declaration/manifest-problems.ts";
import { classBase } from "../../../src/service/author/python-names.ts";
import {
  allowNeeded,
  CATEGORIES,
  type NewPlugin,
  type NewPluginCategory,
  scaffoldModule,
  scaffoldPlugin,
} from "../../../src/service/author/scaffold.ts";

const ODD_TEXT = 'It\'s "odd": <b>&amp;</b> #1 \u2028 {{name}} - é\u0085😀 %YAML';

function newPlugin(category: NewPluginCategory, changed: Partial<NewPlugin> = {}): NewPlugin {
  return {
    author: "me",
    name: "my-plugin",
    description: ODD_TEXT,
    repo: "https://example.com/me/my-plugin",
    category,
    permissions: { allowed: new Set(), storageBytes: 4096 },
    minimumDifyVersion: "1.7.0",
    readmes: ["ja_JP", "zh_Hans", "pt_BR"],
    createdAt: new Date("2026-01-02T03:04:05.678Z"),
    ...changed,
  };
}

function sourceOf(files: ReadonlyMap<string, string>) {
  const encoded = [...files].map(([path, text]) => ({ path, bytes: new TextEncoder().encode(text) }));
  return { source: openSourceFiles(encoded, startPacer()), encoded };
}

const KIND: Readonly<Record<NewPluginCategory, string>> = {
  tool: "tool",
  "agent-strategy": "agent-strategy",
  llm: "model",
  "text-embedding": "model",
  rerank: "model",
  tts: "model",
  speech2text: "model",
  moderation: "model",
  datasource: "datasource",
  trigger: "trigger",
  extension: "extension",
};

describe.each([...CATEGORIES])("scaffoldPlugin() of %s", (category) => {
  test("passes the strict rules, and everything that an upload checks", async () => {
    const { source, encoded } = sourceOf(scaffoldPlugin(newPlugin(category)));
    expect(manifestProblems(await source.decode("manifest.yaml", manifest))).toEqual([]);
    const declaration = await assembleDeclaration(source, false);
    validateUpload({ declaration });
    const assets = new Map(
      encoded
        .filter(({ path }) => path.startsWith("_assets/"))
        .map(({ path, bytes }) => [path.slice("_assets/".length), bytes]),
    );
    expect(remapIcons(declaration, assets).assets.size).toBeGreaterThan(0);
    expect<string>(categoryOf(declaration)).toBe(KIND[category]);
  });

  test("has what the user said in every place, to the letter", async () => {
    const { source } = sourceOf(scaffoldPlugin(newPlugin(category)));
    const declaration = await assembleDeclaration(source, false);
    expect(declaration.description.en_US).toBe(ODD_TEXT);
    expect(declaration.description.ja_JP).toBe(ODD_TEXT);
    expect(declaration["repo"]).toBe("https://example.com/me/my-plugin");
    expect(declaration.meta.minimum_dify_version).toBe("1.7.0");
    expect(declaration.created_at).toBe("2026-01-02T03:04:05.678Z");
  });

  test("names only files that are there", () => {
    const files = scaffoldPlugin(newPlugin(category));
    const yaml = [...files].filter(([path]) => path.endsWith(".yaml")).map(([, text]) => text);
    const named = yaml.flatMap((text) =>
      [...text.matchAll(/\b[a-z0-9_]+\/[^\s"]+\.(?:py|yaml)$/gm)].map(([path]) => path),
    );
    expect(named.length).toBeGreaterThan(0);
    for (const path of named.filter((path) => !path.includes("*")))
      expect([path, files.has(path)]).toEqual([path, true]);
  });

  test("leaves no place of a template open", () => {
    for (const [path, text] of scaffoldPlugin(newPlugin(category, { description: "d" }))) {
      expect(path).not.toContain("{{");
      expect(text).not.toMatch(/\{\{"?[a-z]+"?\}\}/);
    }
  });
});

test("scaffoldPlugin() has a readme for each language that was asked for", () => {
  const files = scaffoldPlugin(newPlugin("tool", { readmes: ["ja_JP"] }));
  expect([...files.keys()].filter((path) => path.startsWith("readme/"))).toEqual(["readme/README_ja_JP.md"]);
});

test("scaffoldPlugin() leaves out a repository and an oldest version that nobody gave", () => {
  const text = scaffoldPlugin(newPlugin("tool", { repo: "", minimumDifyVersion: "" })).get("manifest.yaml");
  expect(text).not.toContain("repo");
  expect(text).not.toContain("minimum_dify_version");
});

test("scaffoldPlugin() quotes names that YAML 1.1 takes for something else", async () => {
  for (const name of ["yes", "null", "1", "1_000", "0x10", "1e3", "on", "-", "0b1", "00"]) {
    const { source } = sourceOf(scaffoldPlugin(newPlugin("tool", { name })));
    const declaration = await assembleDeclaration(source, false);
    expect(declaration.name).toBe(name);
    expect(declaration.tool?.["identity"]).toMatchObject({ name, label: { en_US: name } });
    const text = scaffoldPlugin(newPlugin("tool", { name })).get("manifest.yaml") ?? "";
    expect(text).toContain(`\nname: "${name}"\n`);
  }
});

test("allowNeeded() adds what the code of a category makes use of, and takes nothing away", () => {
  const storage = { allowed: new Set(["storage" as const]), storageBytes: 1024 };
  const allowed = (category: NewPluginCategory) => [...allowNeeded(storage, category).allowed].sort();
  expect(allowed("tool")).toEqual(["storage"]);
  expect(allowed("agent-strategy")).toEqual(["llm", "model", "storage", "tool"]);
  expect(allowed("extension")).toEqual(["endpoint", "storage"]);
});

test("scaffoldModule() has the files of one part, and tells which of them the manifest names", () => {
  const tools = scaffoldModule("tools", { author: "me", name: "x", description: "d" });
  expect(tools.provider).toBe("provider/x.yaml");
  expect([...tools.files.keys()]).toEqual(["provider/x.yaml", "provider/x.py", "tools/x.yaml", "tools/x.py"]);
  const endpoints = scaffoldModule("endpoints", { author: "me", name: "x", description: "d" });
  expect(endpoints.provider).toBe("group/x.yaml");
  expect([...endpoints.files.keys()]).toEqual(["group/x.yaml", "endpoints/x.yaml", "endpoints/x.py"]);
});

test("classBase() is the beginning of a Python name for every name of a plugin", () => {
  expect(classBase("my-plugin_2")).toBe("MyPlugin2");
  expect(classBase("2-fast")).toBe("Plugin2Fast");
  expect(classBase("---")).toBe("Plugin");
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9_-]{1,128}$/), (name) => {
      expect(classBase(name)).toMatch(/^[A-Z][A-Za-z0-9]*$/);
    }),
  );
});
