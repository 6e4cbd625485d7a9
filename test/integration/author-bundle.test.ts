import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../src/package/archive.ts";
import { readPackage } from "../../src/package/read-package.ts";
import { GITHUB_LINE, MARKETPLACE_LINE, namedPackage, packageLine, packBundle } from "../support/bundle.ts";
import { tinyPackage } from "../support/pack.ts";
import { author, temporaryFolder, writeTexts } from "./author-support.ts";

const NO_LIMIT = { maxUncompressedBytes: Number.MAX_SAFE_INTEGER };
const FLAGS = ["--name", "box", "--author", "gold", "--description", "A box: of #things"];

/** A folder with a new bundle `box` in it. */
async function withBundle(
  work: (bundle: Awaited<ReturnType<typeof createBundle>>) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  await work(await createBundle(folder.path));
}

async function createBundle(cwd: string) {
  const run = (...argv: readonly string[]) => author(["bundle", ...argv], { cwd });
  expect((await run("init", ...FLAGS)).code).toBe(0);
  writeFileSync(join(cwd, "tiny.difypkg"), tinyPackage());
  return {
    cwd,
    run,
    /** Runs it and fails unless it succeeds. */
    async ok(...argv: readonly string[]): Promise<string> {
      const { code, out, err } = await run(...argv);
      expect([argv, code, out, err.includes("Error")]).toEqual([argv, 0, "", false]);
      return err;
    },
    manifest: () => readFileSync(join(cwd, "box/manifest.yaml"), "utf8"),
    path: (name: string) => join(cwd, name),
  };
}

/** The lines of a command without their time. */
const lines = (err: string) =>
  err
    .trim()
    .split("\n")
    .map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, ""));

const checksumOf = async (bytes: Uint8Array) =>
  (await readPackage(bytes, { ...NO_LIMIT, publicKeys: [] })).identifier.checksum;

test("bundle init makes a folder that packs as it is", () =>
  withBundle(async ({ ok, manifest, path }) => {
    expect(manifest()).toBe(
      'name: box\nlabels:\n  en_US: box\ndescription:\n  en_US: "A box: of #things"\nicon: icon.svg\nversion: 0.0.1\n' +
        "author: gold\ntype: bundle\ndependencies: []\ntags: []\n",
    );
    expect(readdirSync(path("box")).sort()).toEqual([".github", "README.md", "_assets", "manifest.yaml"]);
    expect(readdirSync(path("box/.github"))).toEqual(["workflows"]);
    expect(lines(await ok("package", "box"))).toEqual([
      "INFO successfully packaged bundle output_path=box.difybndl",
    ]);
    const { entries } = await readArchive(readFileSync(path("box.difybndl")), NO_LIMIT);
    expect(entries.map((entry) => entry.path)).toEqual(["README.md", "_assets/icon.svg", "manifest.yaml"]);
    expect(lines(await ok("analyze", "box.difybndl"))).toEqual(["INFO no dependencies found"]);
  }));

test("bundle init asks on a terminal, offers what flags said, and asks again", async () => {
  using folder = temporaryFolder();
  const { code, out } = await author(["bundle", "init", "--author", "gold"], {
    cwd: folder.path,
    terminal: true,
    input: ["No Name\nbox\n", "\n", "What is in it\n"],
  });
  expect(code).toBe(0);
  expect(out).toContain("1 to 128 of a-z, 0-9, - and _ are wanted");
  expect(readFileSync(join(folder.path, "box/manifest.yaml"), "utf8")).toContain("author: gold\n");
});

test("bundle init and regenerate without a terminal want flags, and name those that are wrong", async () => {
  using folder = temporaryFolder();
  const init = (...flags: readonly string[]) => author(["bundle", "init", ...flags], { cwd: folder.path });
  expect((await init()).code).toBe(2);
  const { code, err } = await init("--name", "Bad Name", "--author", "gold");
  expect(code).toBe(2);
  expect(err).toContain("--name: ");
  expect(err).toContain("--description: ");
  expect(err).not.toContain("--author: ");
  expect(readdirSync(folder.path)).toEqual([]);
});

test("bundle init leaves what is there alone, and nothing when the user leaves", () =>
  withBundle(async ({ cwd, run, manifest }) => {
    const before = manifest();
    const { code, err } = await run("init", ...FLAGS);
    expect(code).toBe(1);
    expect(err).toContain("there is something of this name already");
    expect(manifest()).toBe(before);
    const left = await author(["bundle", "init"], { cwd, terminal: true, input: ["half\n"] });
    expect(left.code).toBe(130);
    expect(existsSync(join(cwd, "half"))).toBe(false);
  }));

// The same for a folder and for a packed bundle.
for (const kind of ["folder", "file"] as const)
  test(`bundle append, analyze and remove work on a ${kind}`, () =>
    withBundle(async ({ ok, run, path }) => {
      await ok("package", "box");
      const bundle = kind === "folder" ? "box" : "box.difybndl";
      const checksum = await checksumOf(tinyPackage());
      expect(lines(await ok("append", "github", bundle, "-r", "gold/repo:1.0.0/a.difypkg"))).toEqual([
        "INFO successfully added github dependency",
      ]);
      await ok("append", "marketplace", bundle, "--marketplace_pattern", "gold/market:^0.0.1");
      expect(lines(await ok("append", "package", bundle, "-p", "tiny.difypkg"))).toEqual([
        `INFO successfully added package dependency path=${checksum}`,
      ]);
      const size = tinyPackage().byteLength;
      expect(lines(await ok("analyze", bundle))).toEqual([
        "INFO github dependency index=0 repo=gold/repo release=1.0.0 asset=a.difypkg",
        "INFO marketplace dependency index=1 organization=gold plugin=market version=^0.0.1",
        `INFO package dependency index=2 path=_assets/${checksum} size=${size}`,
      ]);
      expect((await run("append", "package", bundle, "-p", "tiny.difypkg")).err).toContain("already");
      await ok("package", bundle, "-o", "out.difybndl");
      const { files } = await readArchive(readFileSync(path("out.difybndl")), NO_LIMIT);
      expect(Buffer.from(files.find((file) => file.path === `_assets/${checksum}`)?.bytes ?? "")).toEqual(
        Buffer.from(tinyPackage()),
      );

      await ok("remove", bundle, "-i", "0");
      await ok("remove", bundle, "--index", "1");
      expect(lines(await ok("analyze", bundle))).toEqual([
        "INFO marketplace dependency index=0 organization=gold plugin=market version=^0.0.1",
      ]);
      for (const index of ["1", "9"]) {
        const { code, err } = await run("remove", bundle, "-i", index);
        expect(code).toBe(1);
        expect(err).toContain(`Cannot remove dependency ${index}: the last one is 0`);
      }
      await ok("package", bundle, "-o", "out.difybndl");
      const left = (await readArchive(readFileSync(path("out.difybndl")), NO_LIMIT)).files;
      // A folder keeps the file.
      expect(left.some((file) => file.path === `_assets/${checksum}`)).toBe(kind === "folder");
    }));

test("bundle edits keep comments, unknown keys and the way that values are written", () =>
  withBundle(async ({ ok, manifest, cwd }) => {
    const text = `# who we are
name: box
labels: {en_US: Box, zh_Hans: 盒子}
description:
  en_US: |-
    Some
    text
icon: icon.svg
version: 0.0.1 # bumped by hand
author: gold
type: bundle
x_own: 1.10
dependencies:
  # the first
  - {type: github, value: {repo_pattern: 'gold/repo:1.0.0/a.difypkg'}}
  -
  - type: package
    value: {path: none}
`;
    writeTexts(cwd, { "box/manifest.yaml": text });
    await ok("bump", "box", "-t", "0.0.2");
    // Only spaces inside of braces and at the ends of lines may differ.
    const squeezed = (yaml: string) => yaml.replace(/ +$/gm, "").replace(/\{ /g, "{").replace(/ \}/g, "}");
    expect(squeezed(manifest())).toBe(text.replace("version: 0.0.1", "version: 0.0.2"));
    await ok("remove", "box", "-i", "1");
    expect(manifest()).not.toContain("none");
    expect(manifest()).toContain("# the first");
    await ok("regenerate", "box", "--name", "crate", "--description", "true");
    expect(manifest()).toContain("name: crate\nlabels:\n  en_US: crate\n");
    expect(manifest()).toContain("x_own: 1.10\n");
    expect(manifest()).toContain("author: gold\n");
  }));

test("bundle bump says nothing, and refuses what is no version", () =>
  withBundle(async ({ ok, run, manifest }) => {
    expect(await ok("bump", "box", "-t", "1.2.3-beta")).toBe("");
    expect(manifest()).toContain("version: 1.2.3-beta\n");
    for (const version of ["1.2", "v1.2.3", "1.2.3.4", ""]) {
      expect([version, (await run("bump", "box", "-t", version)).code]).toEqual([version, 1]);
      expect(manifest()).toContain("version: 1.2.3-beta\n");
    }
    expect((await run("bump", "box")).code).toBe(2);
  }));

test("bundle append refuses patterns and packages that no bundle can have, and changes nothing", () =>
  withBundle(async ({ run, manifest, path, cwd }) => {
    const before = manifest();
    writeFileSync(path("no-package"), "text");
    writeFileSync(path("box.difybndl"), packBundle());
    writeFileSync(path("upper.difypkg"), namedPackage("NAME"));
    for (const argv of [
      ["github", "box", "-r", "gold/repo"],
      ["github", "box", "-r", "gold/repo:one/a"],
      ["marketplace", "box", "-m", "gold:1.0.0"],
      ["package", "box", "-p", "no-package"],
      ["package", "box", "-p", "none"],
      ["package", "box", "-p", "box.difybndl"],
      ["package", "box", "-p", "upper.difypkg"],
      ["github", "none", "-r", "gold/repo:1.0.0/a"],
      ["github", "no-package", "-r", "gold/repo:1.0.0/a"],
      ["github", "tiny.difypkg", "-r", "gold/repo:1.0.0/a"],
      ["github", ".", "-r", "gold/repo:1.0.0/a"],
    ]) {
      const ran = await run("append", ...argv);
      expect([argv, ran.code, ran.out]).toEqual([argv, 1, ""]);
      expect(ran.err).toStartWith("Error: ");
    }
    for (const argv of [
      ["github", "box"],
      ["marketplace", "box"],
      ["package", "box"],
      ["svn", "box"],
      ["github"],
    ])
      expect([argv, (await run("append", ...argv)).code]).toEqual([argv, 2]);
    expect(manifest()).toBe(before);
    expect(readdirSync(join(cwd, "box/_assets"))).toEqual(["icon.svg"]);
  }));

test("bundle package lists everything that is wrong, and writes nothing", () =>
  withBundle(async ({ cwd, run, path }) => {
    writeTexts(cwd, {
      "box/manifest.yaml": `name: box\nversion: "1"\ntype: plugin-bundle\ndependencies:\n  - ${GITHUB_LINE}\n  - {type: marketplace, value: {marketplace_pattern: x}}\n  - ${packageLine("none")}\n  - ${packageLine("bad")}\n  - ${packageLine("../manifest.yaml")}\n  - {type: svn}\n`,
      "box/_assets/bad": "text",
    });
    const { code, err } = await run("package", "box");
    expect(code).toBe(1);
    for (const text of [
      "labels.en_US: is missing",
      "author: is missing",
      "icon: is missing",
      "version: must be three numbers",
      'type: must be "bundle"',
      'dependencies[1]: "x" is not of the form',
      "dependencies[2]: there is no file _assets/none",
      "dependencies[3]: difypkg: not a valid difypkg file",
      "dependencies[4]: there is no file",
      'dependencies[5]: the type "svn"',
    ])
      expect(err).toContain(text);
    expect(err).not.toContain("dependencies[0]");
    expect(existsSync(path("box.difybndl"))).toBe(false);
    expect((await run("analyze", "box")).code).toBe(1);
  }));

test("bundle package takes assets below folders, and readmes of the root only", () =>
  withBundle(async ({ cwd, ok, path }) => {
    mkdirSync(path("box/README.d"));
    writeTexts(cwd, {
      "box/_assets/deep/er.svg": "<svg/>",
      "box/README_zh_Hans.md": "x",
      "box/docs/README.md": "x",
      "box/.env": "SECRET=1",
      "box/main.py": "x",
    });
    await ok("package", "./box/");
    const { entries } = await readArchive(readFileSync(path("box.difybndl")), NO_LIMIT);
    expect(entries.map((entry) => entry.path)).toEqual([
      "README.md",
      "README_zh_Hans.md",
      "_assets/deep/er.svg",
      "_assets/icon.svg",
      "manifest.yaml",
    ]);
    expect((await author(["bundle", "package", "box", "-o", "none/x"], { cwd })).code).toBe(1);
  }));

test("bundle analyze tells all dependencies before it fails over one", async () => {
  using folder = temporaryFolder();
  writeFileSync(
    join(folder.path, "b.difybndl"),
    packBundle({ dependencies: [packageLine("none"), MARKETPLACE_LINE] }),
  );
  const { code, err } = await author(["bundle", "analyze", "b.difybndl"], { cwd: folder.path });
  expect(code).toBe(1);
  expect(lines(err).slice(0, 2)).toEqual([
    "INFO package dependency index=0 path=_assets/none",
    "INFO marketplace dependency index=1 organization=gold plugin=market version=^0.0.1",
  ]);
  expect(err).toContain("dependencies[0]: its file is missing");
});
