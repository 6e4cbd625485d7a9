import { describe, expect, test } from "bun:test";
import { chooseReadme, readmes } from "../../../src/package/readmes.ts";

const files = (...paths: string[]) => paths.map((path) => ({ path, bytes: new TextEncoder().encode(path) }));

describe("readmes()", () => {
  test("takes README.md and the translations directly in readme", () => {
    const found = readmes(
      files(
        "README.md",
        "readme/README_zh_Hans.md",
        "readme/README_pt_BR.md",
        "readme/deep/README_ja_JP.md",
        "readme/README_de.md",
        "readme/README_xx_1.md",
        "readme/readme_fr_FR.md",
        "docs/README_ja_JP.md",
      ),
    );
    expect(Object.fromEntries(found)).toEqual({
      en_US: "README.md",
      zh_Hans: "readme/README_zh_Hans.md",
      pt_BR: "readme/README_pt_BR.md",
    });
  });

  test("readme/README_en_US.md beats README.md, wherever it stands", () => {
    const found = readmes(files("readme/README_en_US.md", "README.md"));
    expect(found.get("en_US")).toBe("readme/README_en_US.md");
  });

  test("without README.md nothing is found", () => {
    expect(readmes(files("readme/README_en_US.md", "readme/README_ja_JP.md")).size).toBe(0);
  });
});

describe("chooseReadme()", () => {
  const found = new Map([
    ["ja_JP", "日本"],
    ["en_US", "English"],
  ]);

  test("the language, else English, else any, else none", () => {
    expect(chooseReadme(found, "ja_JP")).toEqual({ language: "ja_JP", content: "日本" });
    expect(chooseReadme(found, "pt_BR")).toEqual({ language: "en_US", content: "English" });
    expect(chooseReadme(new Map([["ja_JP", "日本"]]), "")).toEqual({ language: "ja_JP", content: "日本" });
    expect(chooseReadme(new Map(), "en_US")).toBeUndefined();
  });
});
