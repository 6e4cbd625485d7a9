import { describe, expect, test } from "bun:test";
import { readPackage } from "../../../src/package/read-package.ts";
import { packZip, textEntries, TINY, tinyPackage } from "../../support/pack.ts";
import { rejection } from "../../support/rejection.ts";

const OPTIONS = { maxUncompressedBytes: 1_000_000, publicKeys: [] };
const MANIFEST = TINY["manifest.yaml"] ?? "";

const read = (changed: Readonly<Record<string, string>> = {}) => readPackage(tinyPackage(changed), OPTIONS);
const withManifest = (edit: (text: string) => string) => read({ "manifest.yaml": edit(MANIFEST) });

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const error = await rejection(promise);
  expect(error).toMatchObject({ name: "DaemonError", code: "bad_request" });
  return error instanceof Error ? error.message : undefined;
}

describe("readPackage()", () => {
  // contract/plugin-package 11, vector 5, and 2.9
  test("gives identifier, declaration, files and assets", async () => {
    const bytes = tinyPackage();
    const plugin = await readPackage(bytes, OPTIONS);
    expect(plugin.identifier).toMatchObject({
      text: "a/n:0.0.1@695eaf99118f5b0661a57c077637c97527d911f55b6cdf86aa91efd234a73b7e",
      pluginId: "a/n",
    });
    expect(plugin.verification).toBeNull();
    expect(plugin.files.map(({ path }) => path)).toEqual(Object.keys(TINY));
    expect([...plugin.assets.keys()]).toEqual(["i.svg"]);
    expect(plugin.sizeBytes).toBe(bytes.length);
    expect(JSON.stringify(plugin.declaration)).toBe(
      JSON.stringify({
        version: "0.0.1",
        type: "plugin",
        author: "a",
        name: "n",
        label: { en_US: "x" },
        description: { en_US: "d" },
        icon: "i.svg",
        icon_dark: "",
        resource: { memory: 1 },
        plugins: {
          tools: ["p.yaml"],
          models: null,
          endpoints: null,
          agent_strategies: null,
          datasources: null,
          triggers: null,
        },
        meta: {
          version: "0.0.1",
          arch: ["amd64"],
          runner: { language: "python", version: "3.12", entrypoint: "main" },
          minimum_dify_version: null,
        },
        tags: [],
        created_at: "2024-07-12T08:03:44Z",
        verified: false,
        tool: {
          identity: {
            author: "a",
            name: "n",
            description: { en_US: "d" },
            icon: "i.svg",
            icon_dark: "",
            label: { en_US: "x" },
            tags: null,
          },
          credentials_schema: [],
          oauth_schema: null,
          tools: [
            {
              identity: { author: "a", name: "t", label: { en_US: "x" } },
              description: { human: { en_US: "d" }, llm: "d" },
              parameters: null,
              has_runtime_parameters: false,
            },
          ],
        },
      }),
    );
  });

  test("the order, compression and comment of the archive change no identifier", async () => {
    const entries = textEntries(TINY).map((entry) => ({ ...entry, method: 0 }));
    const other = await readPackage(packZip(entries.toReversed(), { comment: "signed?" }), OPTIONS);
    expect(other.identifier.text).toBe((await read()).identifier.text);
  });

  test("is as lenient as an upload: types count, limits do not", async () => {
    const plugin = await withManifest((text) =>
      text
        .replace("type: plugin", "type: gadget")
        .replace("{memory: 1}", "{memory: 1_000, surprise: 1}")
        .replace("[amd64]", "[riscv]")
        .replace("language: python", "language: cobol")
        .replace("icon: i.svg", "icon: missing.svg")
        .replace("2024-07-12T08:03:44Z", "2024-07-12\ntags: [nonsense]\nunknown: {a: [1]}"),
    );
    expect(plugin.declaration).toMatchObject({
      type: "gadget",
      resource: { memory: 1000, surprise: 1 },
      meta: { arch: ["riscv"], runner: { language: "cobol" } },
      tags: ["nonsense"],
      created_at: "2024-07-12T00:00:00Z",
      unknown: { a: [1] },
    });
  });

  // contract/plugin-package 11, vector 6
  test.each(["1.0", "1.0.0.0", "1.10", "01.0.0", "1.0.0-beta_1"])("takes the version %p", async (version) => {
    const { identifier } = await withManifest((text) =>
      text.replace("version: 0.0.1\ntype", `version: ${version}\ntype`),
    );
    expect(identifier.version).toBe(version);
  });

  test.each(["1", "1.0.0.0.0", "v1.0.0", "1.0.0-beta.1", "10000.0.0", "1.0.0-seventeen_letters"])(
    "refuses the version %p",
    async (version) => {
      const promise = withManifest((text) =>
        text.replace("version: 0.0.1\ntype", `version: ${version}\ntype`),
      );
      expect(await refusal(promise)).toStartWith(`plugin_unique_identifier is not valid: a/n:${version}@`);
    },
  );

  test("an author may be missing, upper case may not stand in it", async () => {
    expect((await withManifest((text) => text.replace("author: a\n", ""))).identifier.pluginId).toBe("n");
    expect(await refusal(withManifest((text) => text.replace("author: a\n", "author: Ann\n")))).toStartWith(
      "plugin_unique_identifier is not valid: Ann/n:0.0.1@",
    );
  });

  test("names a file that is missing, and who wanted it", async () => {
    const { "manifest.yaml": _, ...rest } = TINY;
    expect(await refusal(readPackage(packZip(textEntries(rest)), OPTIONS))).toBe(
      "open manifest.yaml: file does not exist",
    );
    expect(await refusal(withManifest((text) => text.replace("p.yaml", "q.yaml")))).toBe(
      "open q.yaml: file does not exist\nfailed to read tool file: q.yaml",
    );
    expect(await refusal(withManifest((text) => text.replace("p.yaml", "./p.yaml")))).toBe(
      "open ./p.yaml: invalid argument\nfailed to read tool file: ./p.yaml",
    );
  });

  test.each([
    ["tools", "tool file", "plugin file"],
    ["endpoints", "endpoint file", "plugin file"],
    ["models", "model file", "plugin file"],
    ["agent_strategies", "agent strategy file", "agent strategy file"],
    ["datasources", "datasource file", "datasource file"],
    ["triggers", "trigger file", "trigger file"],
  ])("says of %s whether reading or decoding failed", async (list, readWords, decodeWords) => {
    const manifest = MANIFEST.replace("tools: [p.yaml]", `${list}: [x.yaml]`);
    expect(await refusal(read({ "manifest.yaml": manifest }))).toBe(
      `open x.yaml: file does not exist\nfailed to read ${readWords}: x.yaml`,
    );
    expect(await refusal(read({ "manifest.yaml": manifest, "x.yaml": "- 1\n" }))).toMatch(
      new RegExp(
        `^yaml: unmarshal errors:\n {2}line 1: cannot unmarshal !!seq into \\w+\nfailed to unmarshal ${decodeWords}: x.yaml$`,
      ),
    );
  });

  test("of several provider files the last counts, but all are read", async () => {
    const manifest = MANIFEST.replace("[p.yaml]", "[p.yaml, q.yaml]");
    const { declaration } = await read({ "manifest.yaml": manifest, "q.yaml": "identity: {name: q}\n" });
    expect(declaration.tool).toMatchObject({
      identity: { name: "q", description: { en_US: "d" } },
      tools: [],
    });
    const broken = read({ "manifest.yaml": manifest, "p.yaml": "[", "q.yaml": "identity: {name: q}\n" });
    expect(await refusal(broken)).toEndWith("failed to unmarshal plugin file: p.yaml");
  });

  test("a provider in the manifest itself counts where no file is listed, without its item files", async () => {
    const inline = "tool: {identity: {name: in}, tools: [t.yaml, {identity: {name: own}}]}\n";
    const listed = await withManifest((text) => text + inline);
    expect(listed.declaration.tool).toMatchObject({ identity: { name: "n" } });
    const alone = await withManifest((text) => text.replace("plugins:\n  tools: [p.yaml]\n", inline));
    expect(alone.declaration.tool).toMatchObject({
      identity: { name: "in" },
      tools: [{ identity: { name: "own" } }],
    });
    expect(alone.declaration.tool?.tools).toHaveLength(1);
  });

  test("tools and triggers take description and tags of the plugin", async () => {
    const manifest = `${MANIFEST.replace("tools: [p.yaml]", "tools: [p.yaml]\n  triggers: [g.yaml]")}tags: [search]\n`;
    const { declaration } = await read({
      "manifest.yaml": manifest,
      "p.yaml": "identity: {description: {zh_Hans: 中}}\n",
      "g.yaml": "identity: {description: {en_US: own}, tags: [other]}\n",
    });
    expect(declaration.tool).toMatchObject({ identity: { description: { en_US: "d" }, tags: ["search"] } });
    expect(declaration.trigger).toMatchObject({
      identity: { description: { en_US: "own" }, tags: ["other"] },
    });
  });

  test("permissions: what is absent stays out, what is there has all its flags", async () => {
    const permission =
      "{tool: {enabled: yes}, model: {llm: true, video: true, odd: x}, storage: {size: 5}, node: ~}";
    const { declaration } = await withManifest((text) =>
      text.replace("{memory: 1}", `{memory: 1, permission: ${permission}}`),
    );
    expect(declaration.resource.permission).toEqual({
      tool: { enabled: true },
      model: {
        enabled: false,
        llm: true,
        text_embedding: false,
        rerank: false,
        tts: false,
        speech2text: false,
        moderation: false,
        video: true,
      },
      storage: { enabled: false, size: 5 },
    });
  });

  test("refuses what the archive reader refuses", async () => {
    const entries = [...textEntries(TINY), { name: "../evil.txt", data: "x" }];
    expect(await refusal(readPackage(packZip(entries), OPTIONS))).toBe("open ../evil.txt: invalid argument");
    expect(await refusal(readPackage(tinyPackage(), { ...OPTIONS, maxUncompressedBytes: 100 }))).toBe(
      "plugin package size is too large, please ensure the uncompressed size is less than 100 bytes",
    );
  });
});
