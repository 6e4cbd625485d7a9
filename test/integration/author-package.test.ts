import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../src/package/archive.ts";
import { readPackage } from "../../src/package/read-package.ts";
import { TINY } from "../support/pack.ts";
import { author, temporaryFolder, writeTexts } from "./author-support.ts";
import { callsOf, findUv, writeProgram } from "./python-env-support.ts";

const NO_LIMIT = { maxUncompressedBytes: Number.MAX_SAFE_INTEGER };

async function filesOf(path: string): Promise<ReadonlyMap<string, string>> {
  const { entries } = await readArchive(readFileSync(path), NO_LIMIT);
  return new Map(entries.map((entry) => [entry.path, Buffer.from(entry.bytes).toString("utf8")]));
}

test("plugin package writes a package by the name of the folder, the same bytes every time", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), TINY);
  const { code, out, err } = await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect({ code, out }).toEqual({ code: 0, out: "" });
  expect(err).toMatch(
    /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d INFO plugin packaged successfully output_path=tiny\.difypkg\n$/,
  );
  const bytes = readFileSync(join(folder.path, "tiny.difypkg"));
  const plugin = await readPackage(bytes, { ...NO_LIMIT, publicKeys: [] });
  // contract/plugin-package 11.5
  expect(plugin.identifier.text).toBe(
    "a/n:0.0.1@695eaf99118f5b0661a57c077637c97527d911f55b6cdf86aa91efd234a73b7e",
  );
  await author(["plugin", "package", "./tiny/", "-o=again.difypkg"], { cwd: folder.path });
  expect(readFileSync(join(folder.path, "again.difypkg")).equals(bytes)).toBe(true);
});

test("plugin checksum is the same for the folder and for its package", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), TINY);
  await author(["plugin", "package", "tiny"], { cwd: folder.path });
  for (const path of ["tiny", "tiny.difypkg"]) {
    const { code, out, err } = await author(["plugin", "checksum", path], { cwd: folder.path });
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toEndWith(
      " INFO plugin checksum checksum=695eaf99118f5b0661a57c077637c97527d911f55b6cdf86aa91efd234a73b7e\n",
    );
  }
});

test("plugin package leaves out what .difyignore says, and only that", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "tiny");
  writeTexts(root, {
    ...TINY,
    ".difyignore": "*.log\nbuild/\n",
    ".gitignore": "README.md\n",
    "a.log": "x",
    "build/x": "x",
    "sub/.difyignore": "kept\n",
    "sub/kept": "x",
    ".git/HEAD": "x",
  });
  await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect([...(await filesOf(join(folder.path, "tiny.difypkg"))).keys()]).toEqual([
    ".difyignore",
    ".git/HEAD",
    ".gitignore",
    "README.md",
    "_assets/i.svg",
    "manifest.yaml",
    "p.yaml",
    "sub/.difyignore",
    "sub/kept",
    "t.yaml",
  ]);
});

test("plugin package takes .gitignore where there is no .difyignore", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), { ...TINY, ".gitignore": "README.md\n.gitignore\n" });
  await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect([...(await filesOf(join(folder.path, "tiny.difypkg"))).keys()]).not.toContain("README.md");
});

test("plugin package stores a link to a file as that file, and refuses one to a folder unless it is ignored", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "tiny");
  writeTexts(root, { ...TINY, "real/file": "content" });
  symlinkSync("real/file", join(root, "link"));
  await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect((await filesOf(join(folder.path, "tiny.difypkg"))).get("link")).toBe("content");

  symlinkSync("real", join(root, "folder-link"));
  const refused = await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('Cannot pack "folder-link": it is a link to a folder');
  writeFileSync(join(root, ".difyignore"), "folder-link\n");
  expect((await author(["plugin", "package", "tiny"], { cwd: folder.path })).code).toBe(0);
});

test("plugin package does not pack the package that it writes", async () => {
  using folder = temporaryFolder();
  writeTexts(folder.path, { ...TINY, "out/old": "x" });
  for (let time = 0; time < 2; time++) {
    expect((await author(["plugin", "package", ".", "-o", "out/x.difypkg"], { cwd: folder.path })).code).toBe(
      0,
    );
    expect([...(await filesOf(join(folder.path, "out/x.difypkg"))).keys()]).not.toContain("out/x.difypkg");
  }
});

test("plugin package wants a name for the package of the folder that one is in", async () => {
  using folder = temporaryFolder();
  writeTexts(folder.path, TINY);
  const { code, err } = await author(["plugin", "package", "."], { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain("invalid input path, you should specify the path outside of plugin directory");
});

test("plugin package over the limit names the five largest files and writes nothing", async () => {
  using folder = temporaryFolder();
  const large = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`f${n}.bin`, "x".repeat(n * 200_000)]));
  writeTexts(join(folder.path, "tiny"), { ...TINY, ...large });
  const { code, err } = await author(["plugin", "package", "tiny", "--max-size", "1"], { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain(
    "plugin package size is too large, please ensure the uncompressed size is less than 1048576 bytes",
  );
  expect(err).toContain("1. name: f6.bin, size: 1200000 bytes\n2. name: f5.bin, size: 1000000 bytes\n");
  expect(err).toContain("5. name: f2.bin, size: 400000 bytes\n");
  expect(err).not.toContain("f1.bin");
  expect(existsSync(join(folder.path, "tiny.difypkg"))).toBe(false);
  expect((await author(["plugin", "package", "tiny", "--max-size", "0"], { cwd: folder.path })).code).toBe(0);
});

test("plugin package tells everything that is wrong at once, and writes nothing", async () => {
  using folder = temporaryFolder();
  const manifest = (TINY["manifest.yaml"] ?? "")
    .replace("version: 0.0.1", "version: '1.0'")
    .replace("author: a", "author: Ann")
    .replace("icon: i.svg", "icon: no.svg\nicon_dark: dark.svg");
  writeTexts(join(folder.path, "tiny"), { ...TINY, "manifest.yaml": manifest, ".difyignore": "i.svg\n" });
  const { code, err } = await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect(code).toBe(1);
  for (const problem of [
    'version: must be three numbers such as "0.0.1"',
    "_assets: the folder is missing, or all of it is ignored",
    "author must be alphanumeric and less than 64 characters",
    "_assets/i.svg: an icon of this name is wanted",
    "_assets/no.svg: an icon of this name is wanted",
    "_assets/dark.svg: an icon of this name is wanted",
  ])
    expect(err).toContain(problem);
  expect(existsSync(join(folder.path, "tiny.difypkg"))).toBe(false);
});

test.each([
  [
    "a file that an upload would look for in vain",
    { "p.yaml": "tools: [./t.yaml]\n" },
    "open ./t.yaml: invalid argument",
  ],
  ["a file that is missing", { "p.yaml": "tools: [x.yaml]\n" }, "failed to read tool file: x.yaml"],
  [
    "a value of a wrong type",
    { "manifest.yaml": "resource: {memory: lots}\n" },
    "cannot unmarshal !!str `lots` into int64",
  ],
  ["a manifest that is no YAML", { "manifest.yaml": "a: [\n" }, "yaml: line"],
])("plugin package refuses %s", async (_, changed, problem) => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), { ...TINY, ...changed });
  const { code, err } = await author(["plugin", "package", "tiny"], { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain(problem);
});

test("plugin package of a file, of nothing, and without an argument", async () => {
  using folder = temporaryFolder();
  writeTexts(folder.path, { file: "x" });
  const wrong = (path: string) => author(["plugin", "package", path], { cwd: folder.path });
  expect((await wrong("file")).err).toContain("it is a file");
  expect((await wrong("nothing")).err).toContain("there is no such file or folder");
  const { code, err } = await author(["plugin", "package"], { cwd: folder.path });
  expect(code).toBe(2);
  expect(err).toContain("missing required argument 'dir'");
  expect(err).toContain("Usage: plugd plugin package");
});

const LOCKED = {
  ...TINY,
  "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n',
  "uv.lock": "version = 1\n",
};

test("plugin package makes requirements.txt of uv.lock, without leaving it in the folder", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), LOCKED);
  const uv = writeProgram(
    join(folder.path, "uv"),
    'case "$1" in --version) echo uv 9.9.9;; *) echo noise >&2; pwd > "$0.cwd"; printf "a==1\\nb==2\\n";; esac',
  );
  const env = { PATH: process.env["PATH"], UV_PATH: uv };
  expect((await author(["plugin", "package", "tiny"], { cwd: folder.path, env })).code).toBe(0);
  expect((await filesOf(join(folder.path, "tiny.difypkg"))).get("requirements.txt")).toBe("a==1\nb==2\n");
  expect(existsSync(join(folder.path, "tiny/requirements.txt"))).toBe(false);
  expect(readFileSync(`${uv}.cwd`, "utf8").trim()).toBe(join(folder.path, "tiny"));
  expect(callsOf(uv).at(-1)).toBe(
    "export --frozen --format requirements.txt --no-group dev --no-emit-project --no-hashes --no-header --no-annotate",
  );
});

test("plugin package makes no requirements.txt where there is one, also where that is ignored", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "tiny");
  writeTexts(root, { ...LOCKED, "requirements.txt": "mine\n" });
  const env = { PATH: "/nowhere" };
  expect((await author(["plugin", "package", "tiny"], { cwd: folder.path, env })).code).toBe(0);
  expect((await filesOf(join(folder.path, "tiny.difypkg"))).get("requirements.txt")).toBe("mine\n");
  writeFileSync(join(root, ".difyignore"), "requirements.txt\n");
  expect((await author(["plugin", "package", "tiny"], { cwd: folder.path, env })).code).toBe(0);
  expect((await filesOf(join(folder.path, "tiny.difypkg"))).has("requirements.txt")).toBe(false);
});

test("plugin package fails where uv is missing or fails, and says so", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), LOCKED);
  const missing = await author(["plugin", "package", "tiny"], {
    cwd: folder.path,
    env: { PATH: "/nowhere" },
  });
  expect(missing.code).toBe(1);
  expect(missing.err).toContain("Cannot make requirements.txt of uv.lock: uv is not there");
  const uv = writeProgram(
    join(folder.path, "uv"),
    'case "$1" in --version) echo uv 9.9.9;; *) echo the lock is stale >&2; exit 2;; esac',
  );
  const failing = await author(["plugin", "package", "tiny"], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"], UV_PATH: uv },
  });
  expect(failing.code).toBe(1);
  expect(failing.err).toContain("the lock is stale");
  expect(existsSync(join(folder.path, "tiny.difypkg"))).toBe(false);
});

const uvPath = await findUv();

test.skipIf(uvPath === undefined)(
  "plugin package asks the real uv in a way that it understands",
  async () => {
    using folder = temporaryFolder();
    const root = join(folder.path, "tiny");
    writeTexts(root, {
      ...TINY,
      "pyproject.toml":
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = []\n',
      "uv.lock":
        'version = 1\nrevision = 1\nrequires-python = ">=3.8"\n\n[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\n',
    });
    const { code, err } = await author(["plugin", "package", "tiny"], { cwd: folder.path });
    expect({ code, err }).toMatchObject({ code: 0 });
    expect((await filesOf(join(folder.path, "tiny.difypkg"))).get("requirements.txt")?.trim()).toBe("");
  },
);

test("plugin package says why it cannot write", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), TINY);
  mkdirSync(join(folder.path, "taken"));
  const { code, err } = await author(["plugin", "package", "tiny", "-o", "no/x.difypkg"], {
    cwd: folder.path,
  });
  expect(code).toBe(1);
  expect(err).toContain('Cannot write the package to "no/x.difypkg": ENOENT');
});

test("plugin readme list shows a row for each language, in the folder and in the package", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), {
    ...TINY,
    "readme/README_zh_Hans.md": "x",
    "readme/README_de_DE.md": "x",
    "readme/notes.md": "x",
  });
  await author(["plugin", "package", "tiny"], { cwd: folder.path });
  for (const path of ["tiny", "tiny.difypkg"])
    expect((await author(["plugin", "readme", "list", path], { cwd: folder.path })).out).toBe(
      [
        "language-code  language  available",
        "-------------  --------  ---------",
        "de_DE          unknown   ✅",
        "en_US          English   ✅",
        "zh_Hans        简体中文  ✅",
        "",
      ].join("\n"),
    );
});

test("plugin module list shows every part of a plugin, on lines of its own", async () => {
  using folder = temporaryFolder();
  const tool = `identity: {author: a, name: t, label: {en_US: "The <tool>"}}
description: {human: {en_US: "two\\nlines"}, llm: for models}
parameters:
  - {name: q, type: string, required: true, form: llm, label: {en_US: Query}, human_description: {en_US: what}}
`;
  writeTexts(join(folder.path, "tiny"), { ...TINY, "t.yaml": tool });
  const { code, out } = await author(["plugin", "module", "list", "tiny"], { cwd: folder.path });
  expect(code).toBe(0);
  expect(out).toBe(`Tool: t
  Author: a
  Label: The <tool>
  Description: two lines
  For models: for models
  Parameters:
    - q (string, required, llm): Query: what
`);
});
