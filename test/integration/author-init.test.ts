import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPlugin } from "../../src/service/author/create-plugin.ts";
import { CATEGORIES } from "../../src/service/author/scaffold.ts";
import { TINY } from "../support/pack.ts";
import { author, temporaryFolder, writeTexts } from "./author-support.ts";

const QUICK = ["plugin", "init", "--quick", "--name", "mine", "--author", "me", "--description", "d"];

test.each([...CATEGORIES])("plugin init --category %s makes a plugin that packs", async (category) => {
  using folder = temporaryFolder();
  const made = await author([...QUICK, "--category", category], { cwd: folder.path });
  expect(made.code).toBe(0);
  expect(made.err).toContain(`INFO plugin created path=${join(folder.path, "mine")}`);
  const packed = await author(["plugin", "package", "mine"], { cwd: folder.path });
  expect(packed).toMatchObject({ code: 0 });
});

test("plugin init --quick lists every flag that is missing or wrong, and makes nothing", async () => {
  using folder = temporaryFolder();
  const { code, err } = await author(["plugin", "init", "--quick", "--name", "No Good", "--repo", "x"], {
    cwd: folder.path,
  });
  expect(code).toBe(2);
  for (const flag of ["--name: ", "--author: ", "--description: ", "--repo: "])
    expect(err).toContain(`\n${flag}`);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("plugin init refuses unknown categories and languages", async () => {
  using folder = temporaryFolder();
  for (const wrong of [
    ["--category", "game"],
    ["--language", "cobol"],
  ]) {
    const { code, err } = await author([...QUICK, ...wrong], { cwd: folder.path });
    expect(code).toBe(2);
    expect(err).toContain("Allowed choices are");
  }
  expect(readdirSync(folder.path)).toEqual([]);
});

test("plugin init writes the permissions that flags allow; a kind of model brings the switch, storage a size", async () => {
  using folder = temporaryFolder();
  await author([...QUICK, "--allow-tts", "--allow-storage", "--allow-app=true", "--allow-tool=false"], {
    cwd: folder.path,
  });
  expect(Bun.YAML.parse(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8"))).toMatchObject({
    resource: {
      permission: {
        model: { enabled: true, llm: false, tts: true },
        app: { enabled: true },
        storage: { enabled: true, size: 1048576 },
      },
    },
  });
});

test("plugin init --quick allows what the code needs, unless a flag says otherwise", async () => {
  using folder = temporaryFolder();
  const permission = async (...flags: string[]) => {
    await author([...QUICK, "--category", "agent-strategy", ...flags], { cwd: folder.path });
    const manifest = Bun.YAML.parse(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8"));
    rmSync(join(folder.path, "mine"), { recursive: true });
    return Object.keys((manifest as { resource: { permission: object } }).resource.permission);
  };
  expect(await permission()).toEqual(["tool", "model"]);
  expect(await permission("--no-allow-tool", "--allow-app")).toEqual(["model", "app"]);
});

test("plugin init touches nothing where there is something of the name", async () => {
  using folder = temporaryFolder();
  writeTexts(folder.path, { "mine/keep": "x" });
  const { code, err } = await author(QUICK, { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain("there is something of this name already");
  expect(readdirSync(join(folder.path, "mine"))).toEqual(["keep"]);
});

test("createPlugin() that is interrupted removes the folder again", async () => {
  using folder = temporaryFolder();
  const plugin = {
    author: "me",
    name: "mine",
    description: "d",
    repo: "",
    category: "tool" as const,
    permissions: { allowed: new Set<never>(), storageBytes: 1024 },
    minimumDifyVersion: "",
    readmes: [],
    createdAt: new Date(),
  };
  let looks = 0;
  const stop = new AbortController();
  const signal = Object.defineProperty(stop.signal, "throwIfAborted", {
    value: () => {
      if (++looks === 5) stop.abort(new Error("interrupted"));
      if (stop.signal.aborted) throw stop.signal.reason;
    },
  });
  await expect(createPlugin(folder.path, plugin, { signal })).rejects.toThrow("interrupted");
  expect(looks).toBe(5);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("plugin init asks for everything on a terminal, offers what flags say, and makes what was answered", async () => {
  using folder = temporaryFolder();
  const down = "\u001b[B";
  const { code, out } = await author(["plugin", "init", "--author", "me", "--category", "trigger"], {
    cwd: folder.path,
    terminal: true,
    input: [
      "Wrong Name\nmine\n", // name, once wrong
      "\n", // author, as offered
      "It's mine\n",
      "https://example.com/me/mine\n",
      `${down} \r`, // readmes: the second
      "\r", // language
      "\u001b[A\r", // category: the one above
      `${down}${down}${down} \r`, // permissions: text embedding
      "1.7.0\n",
    ],
  });
  expect(code).toBe(0);
  expect(out).toContain("1 to 128 of a-z, 0-9, - and _ are wanted");
  expect(existsSync(join(folder.path, "mine/readme/README_ja_JP.md"))).toBe(true);
  expect(Bun.YAML.parse(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8"))).toMatchObject({
    author: "me",
    name: "mine",
    description: { en_US: "It's mine" },
    repo: "https://example.com/me/mine",
    plugins: { datasources: ["provider/mine.yaml"] },
    resource: { permission: { model: { enabled: true, text_embedding: true } } },
    meta: { minimum_dify_version: "1.7.0" },
  });
});

test("plugin init that is left by Ctrl-C makes nothing", async () => {
  using folder = temporaryFolder();
  const { code } = await author(["plugin", "init"], {
    cwd: folder.path,
    terminal: true,
    input: ["mine\nme\nd\n\n", "\u0003"],
  });
  expect(code).toBe(130);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("plugin init without a terminal says which flags there are", async () => {
  using folder = temporaryFolder();
  const { code, err } = await author(["plugin", "init"], { cwd: folder.path });
  expect(code).toBe(2);
  expect(err).toContain("--quick");
});

test("plugin module append adds tools to an extension, and the result packs", async () => {
  using folder = temporaryFolder();
  await author([...QUICK, "--category", "extension"], { cwd: folder.path });
  writeFileSync(
    join(folder.path, "mine/manifest.yaml"),
    `# a comment of mine\n${readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8")}`,
  );
  expect(await author(["plugin", "module", "append", "tools", "mine"], { cwd: folder.path })).toMatchObject({
    code: 0,
  });
  expect(await author(["plugin", "package", "mine"], { cwd: folder.path })).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8")).toStartWith("# a comment of mine\n");
  const { out } = await author(["plugin", "module", "list", "mine"], { cwd: folder.path });
  expect(out).toContain("Tool: mine");
  expect(out).toContain("Endpoint: /mine/<who>");
});

test("plugin module append adds endpoints to a tool, with the permission that they need", async () => {
  using folder = temporaryFolder();
  await author(QUICK, { cwd: folder.path });
  await author(["plugin", "module", "append", "endpoints", "mine"], { cwd: folder.path });
  expect(await author(["plugin", "package", "mine"], { cwd: folder.path })).toMatchObject({ code: 0 });
  expect(Bun.YAML.parse(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8"))).toMatchObject({
    resource: { permission: { endpoint: { enabled: true } } },
    plugins: { tools: ["provider/mine.yaml"], endpoints: ["group/mine.yaml"] },
  });
});

test.each([
  ["tools", "tool", "the plugin has tools already"],
  ["endpoints", "extension", "the plugin has endpoints already"],
  ["tools", "llm", "a plugin with models has nothing else"],
  ["endpoints", "trigger", "a plugin with triggers has nothing else"],
])("plugin module append %s refuses a plugin of the category %s", async (kind, category, why) => {
  using folder = temporaryFolder();
  await author([...QUICK, "--category", category], { cwd: folder.path });
  const before = readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8");
  const { code, err } = await author(["plugin", "module", "append", kind, "mine"], { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain(why);
  expect(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8")).toBe(before);
});

test("plugin module append replaces no file, and changes nothing then", async () => {
  using folder = temporaryFolder();
  await author([...QUICK, "--category", "extension"], { cwd: folder.path });
  writeTexts(folder.path, { "mine/tools/mine.py": "# precious\n" });
  const before = readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8");
  const { code, err } = await author(["plugin", "module", "append", "tools", "mine"], { cwd: folder.path });
  expect(code).toBe(1);
  expect(err).toContain('Cannot write "tools/mine.py": it is there already');
  expect(readFileSync(join(folder.path, "mine/tools/mine.py"), "utf8")).toBe("# precious\n");
  expect(existsSync(join(folder.path, "mine/provider/mine.yaml"))).toBe(false);
  expect(readFileSync(join(folder.path, "mine/manifest.yaml"), "utf8")).toBe(before);
});

test("plugin permission by flags changes only those, and by a form what is switched", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), TINY);
  const permission = () =>
    Bun.YAML.parse(readFileSync(join(folder.path, "tiny/manifest.yaml"), "utf8")) as { resource: unknown };
  const run = (...flags: string[]) =>
    author(["plugin", "permission", "tiny", ...flags], { cwd: folder.path });
  expect((await run("--allow-tool", "--allow-storage", "--storage-size", "2048")).err).toContain(
    "INFO plugin permissions saved allowed=storage,tool",
  );
  await run("--no-allow-tool");
  expect(permission().resource).toMatchObject({
    permission: { tool: { enabled: false }, storage: { enabled: true, size: 2048 } },
  });
  const asked = await author(["plugin", "permission", "tiny"], {
    cwd: folder.path,
    terminal: true,
    input: ["\t\r"],
  });
  expect(asked.code).toBe(0);
  expect(permission().resource).toMatchObject({ permission: { tool: { enabled: true } } });
});

test("plugin permission that is left by Ctrl-C changes nothing", async () => {
  using folder = temporaryFolder();
  writeTexts(join(folder.path, "tiny"), TINY);
  const { code } = await author(["plugin", "permission", "tiny"], {
    cwd: folder.path,
    terminal: true,
    input: ["\t", "\u0003"],
  });
  expect(code).toBe(130);
  expect(readFileSync(join(folder.path, "tiny/manifest.yaml"), "utf8")).toBe(TINY["manifest.yaml"] ?? "");
});
