/** `plugd plugin dev` with a plugin in TypeScript, against a running daemon and with one of its own. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readPackage } from "../../src/package/read-package.ts";
import { readAnswer, readCall, TENANT, type CallAnswer } from "../support/daemon-api.ts";
import { startDebugDaemon } from "../support/debug-daemon.ts";
import { startDevCommand } from "../support/dev-command.ts";
import { isRunning, until } from "../support/processes.ts";
import { runCli } from "../../src/cli/cli.ts";
import { testDeps, testIo } from "../unit/cli/test-io.ts";
import { author, temporaryFolder } from "./author-support.ts";

setDefaultTimeout(60_000);

const FLAGS = ["plugin", "init", "--quick", "--author", "me", "--description", "d", "--category", "tool"];

function code(greeting: string): string {
  return `import { serve } from "plugd/plugin";
await serve({ tools: { "dev-ts": async function* ({ parameters }) {
  if (parameters["query"] === "wait") { yield "begun"; await new Promise(() => {}); }
  yield \`${greeting} \${parameters["query"]}\`;
} } });
`;
}

async function setUp(cwd: string) {
  const made = await author([...FLAGS, "--name", "dev-ts", "--language", "typescript"], { cwd });
  expect(made.code).toBe(0);
  const daemon = await startDebugDaemon();
  const dev = startDevCommand({
    folder: join(cwd, "dev-ts"),
    args: ["--url", daemon.url, "--key", daemon.key, "--tenant", TENANT],
    env: { XDG_CACHE_HOME: join(cwd, "cache") },
  });
  dev.save("main.ts", code("Hello"));
  await dev.shows(/ready /);
  const request = (query: string) =>
    daemon.api.request(`/plugin/${TENANT}/dispatch/tool/invoke`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": "me/dev-ts" },
      body: JSON.stringify({
        user_id: "u",
        data: { provider: "dev-ts", tool: "dev-ts", tool_parameters: { query }, credentials: {} },
      }),
    });
  const ask = async (query: string) => readCall(await request(query));
  await until("it is registered", async () => "me/dev-ts" in (await daemon.listed()));
  return {
    daemon,
    dev,
    ask,
    request,
    async [Symbol.asyncDispose]() {
      await dev[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

function textOf({ items }: CallAnswer): unknown {
  return (items as { message: { text: string } }[]).map((item) => item.message.text).join("|");
}

test("dev answers with what was saved", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, ask } = made;
  await until("the first code answers", async () => textOf(await ask("you")) === "Hello you");

  dev.save("main.ts", code("Good day"));
  await until("the new code answers", async () => textOf(await ask("you")) === "Good day you");
  await dev.shows(/✓ invoke_tool {2}success/);
});

test("dev shows code that is broken, answers calls with it, and goes on with what mends it", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, ask } = made;
  dev.save("main.ts", "this is no code (");
  await dev.shows(/broken it exited with 1/);
  expect((await ask("you")).failure).toMatchObject({
    error_type: "PluginNotRunningError",
    message: expect.stringContaining("main.ts"),
  });
  dev.save("main.ts", code("Mended"));
  await dev.shows(/ready /);
  expect(textOf(await ask("you"))).toBe("Mended you");
});

test("dev ends an open call when its process is replaced, and a call that comes meanwhile has the new one", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, ask, request } = made;
  await until("it answers", async () => textOf(await ask("you")) === "Hello you");
  const open = await request("wait");
  dev.save("main.ts", code("Next"));
  await dev.shows(/change main\.ts/);
  const meanwhile = ask("you");
  expect((await readCall(open)).failure).toMatchObject({ error_type: "PluginRestartedError" });
  expect(textOf(await meanwhile)).toBe("Next you");
});

test("dev of a folder that another one runs leaves that one able to start its plugin again", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { daemon, dev, ask } = made;
  {
    await using other = startDevCommand({
      folder: join(folder.path, "dev-ts"),
      args: ["--url", daemon.url, "--key", daemon.key, "--tenant", TENANT],
      env: { XDG_CACHE_HOME: join(folder.path, "cache") },
    });
    await other.shows(/ready /);
  }
  dev.save("main.ts", code("Again"));
  await dev.shows(/change main\.ts/);
  expect(textOf(await ask("you"))).toBe("Again you");
});

test("dev stands at a breakpoint of a plugin in TypeScript, and goes on", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, daemon, ask } = made;
  const text = `import { serve } from "plugd/plugin";
await serve({ tools: { "dev-ts": async ({ parameters, breakpoint }) => {
  await breakpoint({ parameters });
  return "went on";
} } });
`;
  dev.save("main.ts", text);
  await dev.shows(/ready /);
  const answer = ask("you");
  await dev.shows(/pause {2}main\.ts:3\n {4}parameters = \{"query":"you"\}/);
  const io = testIo({ env: {} });
  const args = ["me/dev-ts", "--url", daemon.url, "--key", daemon.key, "--tenant", TENANT];
  expect(await runCli(["debug", "continue", ...args], io, testDeps())).toBe(0);
  expect(io.stdout.text).toBe("me/dev-ts goes on\n");
  expect(textOf(await answer)).toBe("went on");
  expect(await runCli(["debug", "reload", ...args], testIo({ env: {} }), testDeps())).toBe(0);
  await dev.shows(/reload success Plugin reloaded successfully/);
});

test("dev installs what a changed package.json asks for", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, ask } = made;
  dev.save(
    "greetings/package.json",
    JSON.stringify({ name: "greetings", version: "1.0.0", main: "index.js" }),
  );
  dev.save("greetings/index.js", "module.exports = { word: 'Salve' };");
  dev.save("package.json", JSON.stringify({ dependencies: { greetings: "file:./greetings" } }));
  dev.save("main.ts", `import { word } from "greetings";\n${code("${word}")}`);
  await until("the dependency is used", async () => textOf(await ask("you")) === "Salve you");
  const packed = await author(["plugin", "package", "dev-ts"], { cwd: folder.path });
  expect(packed).toMatchObject({ code: 0 });
  const { files } = await readPackage(readFileSync(join(folder.path, "dev-ts.difypkg")), {
    maxUncompressedBytes: 10_000_000,
    publicKeys: [],
  });
  expect(files.map(({ path }) => path).filter((path) => /^(\.plugd|node_modules)/.test(path))).toEqual([]);
});

test("dev registers what a changed declaration says, without a gap", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, daemon, ask } = made;
  const path = join(folder.path, "dev-ts/tools/dev-ts.yaml");
  dev.save("tools/dev-ts.yaml", readFileSync(path, "utf8").replaceAll("name: query", "name: question"));
  await until("the tool shows its new parameter", async () =>
    JSON.stringify(await readTool(daemon)).includes('"question"'),
  );
  expect(textOf(await ask("you"))).toBe("Hello you");
  dev.save("manifest.yaml", "no: [yaml");
  await dev.shows(/broken/);
  expect((await ask("you")).failure).toMatchObject({ error_type: "PluginNotRunningError" });
});

async function readTool(daemon: Awaited<ReturnType<typeof startDebugDaemon>>): Promise<unknown> {
  const response = await daemon.api.request(`/plugin/${TENANT}/management/tools?page=1&page_size=10`, {});
  return (await readAnswer(response)).data;
}

test("dev comes back to a daemon that was restarted", async () => {
  using folder = temporaryFolder();
  await using made = await setUp(folder.path);
  const { dev, daemon } = made;
  await daemon.close();
  await dev.shows(/lost /);
  const env = { SERVER_PORT: String(daemon.port), PLUGIN_REMOTE_INSTALLING_PORT: String(daemon.debugPort) };
  await using again = await startDebugDaemon({ env });
  await until("it is registered again", async () => "me/dev-ts" in (await again.listed()));
});

test("dev starts a daemon of its own where none answers; the line that it prints works, and Ctrl-C leaves nothing", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  await author([...FLAGS, "--name", "dev-ts", "--language", "typescript"], { cwd });
  const dev = startDevCommand({
    folder: join(cwd, "dev-ts"),
    env: { XDG_CACHE_HOME: join(cwd, "cache"), SERVER_PORT: "1", TMPDIR: cwd },
  });
  await dev.shows(/curl .*\n/);
  const line = /curl .*/.exec(dev.output())?.[0] ?? "";
  const key = readFileSync(/\$\(cat ([^)]+)\)/.exec(line)?.[1] ?? "", "utf8").trim();
  expect(dev.output()).not.toContain(key);
  const curl = Bun.spawnSync(["sh", "-c", line], { stderr: "ignore" });
  expect(curl.stdout.toString()).toContain("You asked for: hello");
  const pid = Number(/\(pid (\d+)\)/.exec(dev.output())?.[1]);
  const data = /cat ([^)]+)\/server\.key/.exec(line)?.[1] ?? "";
  expect([isRunning(pid), existsSync(data)]).toEqual([true, true]);
  expect(await dev.interrupt()).toBe(0);
  expect([isRunning(pid), existsSync(data)]).toEqual([false, false]);
});

test("dev says what is wrong before it starts anything", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  await using daemon = await startDebugDaemon({ env: { PLUGIN_REMOTE_INSTALLING_ENABLED: "false" } });
  const at = ["--url", daemon.url, "--key", daemon.key];
  expect(await author(["plugin", "dev", ".", ...at], { cwd })).toMatchObject({
    code: 1,
    err: expect.stringContaining("debugging is off there"),
  });
  expect(await author(["plugin", "dev", ".", "--url", "http://127.0.0.1:1"], { cwd })).toMatchObject({
    code: 3,
  });
  expect(await author(["plugin", "dev", "none", ...at], { cwd })).toMatchObject({
    code: 1,
    err: expect.stringContaining("there is no such file or folder"),
  });
  await using other = await startDebugDaemon();
  const empty = ["plugin", "dev", ".", "--url", other.url, "--key", other.key];
  expect(await author(empty, { cwd })).toMatchObject({
    code: 1,
    err: expect.stringContaining("manifest.yaml"),
  });
});
