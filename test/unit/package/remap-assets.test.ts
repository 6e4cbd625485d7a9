import { describe, expect, test } from "bun:test";
import type { PluginDeclaration } from "../../../src/protocol/declaration.ts";
import { assetId } from "../../../src/package/checksum.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { remapAssets, remapIcons } from "../../../src/package/remap-assets.ts";
import { tinyPackage } from "../../support/pack.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const ASSETS = new Map(
  ["a.svg", "b.svg", "c.svg", "sub/d.png"].map((name) => [name, bytes(`content of ${name}`)]),
);
const id = (name: string) => assetId(bytes(`content of ${name}`), name);

async function declaration(more: Partial<PluginDeclaration> = {}): Promise<PluginDeclaration> {
  const read = await readPackage(tinyPackage(), { maxUncompressedBytes: 1e6, publicKeys: [] });
  const { tool: _, ...rest } = read.declaration;
  return { ...rest, icon: "a.svg", ...more };
}

describe("remapIcons()", () => {
  test("replaces the icons of every kind, and stores only those", async () => {
    const icons = { identity: { icon: "a.svg", icon_dark: "b.svg", name: "kept" } };
    const given = await declaration({
      icon_dark: "sub/d.png",
      tool: icons,
      agent_strategy: icons,
      trigger: icons,
      datasource: { identity: { icon: "b.svg" }, datasources: [{ identity: { icon: "sub/d.png" }, x: 1 }] },
      model: {
        icon_small: { en_US: "a.svg", zh_Hans: "b.svg", ko_KR: "left.svg" },
        icon_large: null,
        icon_small_dark: { en_US: "" },
        icon_large_dark: { pt_BR: "sub/d.png" },
        provider: "m",
      },
    });
    const { declaration: stored, assets } = remapIcons(given, ASSETS);
    const [a, b, d] = [id("a.svg"), id("b.svg"), id("sub/d.png")];
    const both = { identity: { icon: a, icon_dark: b, name: "kept" } };
    expect(stored).toMatchObject({
      icon: a,
      icon_dark: d,
      tool: both,
      agent_strategy: both,
      trigger: both,
      datasource: { identity: { icon: b }, datasources: [{ identity: { icon: d }, x: 1 }] },
      model: {
        icon_small: { en_US: a, zh_Hans: b, ko_KR: "left.svg" },
        icon_large: null,
        icon_small_dark: { en_US: "" },
        icon_large_dark: { pt_BR: d },
        provider: "m",
      },
    });
    expect([...assets.keys()].sort()).toEqual([a, b, d].sort());
    expect(assets.get(d ?? "")).toEqual(bytes("content of sub/d.png"));
    // What was given stays as it was.
    expect(given).toMatchObject({ icon: "a.svg", tool: icons });
  });

  test("keeps the order of keys, and options' icons", async () => {
    const given = await declaration({
      tool: {
        identity: { author: "x", icon: "a.svg", tags: null },
        tools: [{ options: [{ icon: "a.svg" }] }],
      },
    });
    const { declaration: stored } = remapIcons(given, ASSETS);
    expect(Object.keys(stored)).toEqual(Object.keys(given));
    expect(JSON.stringify(stored.tool)).toBe(
      `{"identity":{"author":"x","icon":"${id("a.svg")}","tags":[]},"tools":[{"options":[{"icon":"a.svg"}]}]}`,
    );
  });

  test("names are looked up by exact text", async () => {
    const given = await declaration({ icon: "A.svg" });
    expect(() => remapIcons(given, ASSETS)).toThrow("file not found: A.svg\nfailed to remap plugin icon");
  });

  test.each([
    [{ model: { icon_small: { zh_Hans: "no" } } }, "model icon small"],
    [{ tool: { identity: { icon: "no" } } }, "tool icon"],
    [{ tool: { identity: { icon: "a.svg", icon_dark: "no" } } }, "tool icon dark"],
    [{ agent_strategy: { identity: { icon: "no" } } }, "agent strategy icon"],
    [{ datasource: { identity: { icon: "no" } } }, "datasource icon"],
    [{ datasource: { datasources: [{ identity: { icon: "no" } }] } }, "datasource icon"],
    [{ trigger: { identity: { icon_dark: "no" } } }, "trigger icon dark"],
    [{ icon_dark: "no" }, "plugin icon dark"],
  ])("a missing asset is named with its field: %j", async (more, field) => {
    const given = await declaration(more);
    expect(() => remapIcons(given, ASSETS)).toThrow(`file not found: no\nfailed to remap ${field}`);
  });
});

describe("remapAssets()", () => {
  test("ends a missing asset with the words of an upload", async () => {
    const plugin = { declaration: await declaration({ icon: "no.svg" }), assets: ASSETS };
    expect(() => remapAssets(plugin)).toThrow(
      "file not found: no.svg\nfailed to remap plugin icon\nfailed to remap assets\nfailed to save package",
    );
  });
});
