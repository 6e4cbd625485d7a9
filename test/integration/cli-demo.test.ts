import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import type { StartOptions } from "../../src/cli/cli-deps.ts";
import { runCli } from "../../src/cli/cli.ts";
import { buildDemoPackage } from "../../src/cli/demo-package.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { failure, sse, type StandInOptions, standInDaemon, success } from "../unit/cli/stand-in-daemon.ts";
import { testDeps, testIo, type TestIoOptions } from "../unit/cli/test-io.ts";

const text = (words: string) => success({ type: "text", message: { text: words }, meta: null });
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

async function demo(standIn: StandInOptions, options: TestIoOptions = {}, argv: readonly string[] = []) {
  await using daemon = standInDaemon(standIn);
  const starts: StartOptions[] = [];
  let closed = 0;
  const deps = testDeps({
    startDaemon: (start) => {
      starts.push(start);
      return Promise.resolve({
        url: daemon.url,
        logger: silent,
        routes: [],
        facts: () => Promise.reject(new Error("the demo shows no banner")),
        close: () => {
          closed += 1;
          return Promise.resolve();
        },
      });
    },
  });
  const io = testIo(options);
  const code = await runCli(["demo", ...argv], io, deps);
  const env = starts[0]?.env ?? {};
  return { code, out: io.stdout.text, err: io.stderr.text, env, closed, daemon };
}

test("demo starts a daemon of its own, installs, invokes, shows the answer and removes everything", async () => {
  const dispatch = () => new Response(sse(text("Hello, "), text("World!")));
  const { code, out, err, env, closed, daemon } = await demo({ dispatch });
  expect({ code, err, closed }).toEqual({ code: 0, err: "", closed: 1 });
  expect(out).toMatch(
    /^ {2}started {4}a daemon for this demo at http:.*\n {2}installed {2}acme\/hello 1\.0\.0, .* of TypeScript/,
  );
  expect(out).toContain("  answered   Hello, World!\n");
  expect(out).toContain("Next: plugd start");
  expect(existsSync(env["PLUGD_DATA_DIR"] ?? "/")).toBe(false);
  expect(daemon.calls.map((call) => call.split("/").slice(4).join("/"))).toEqual([
    "install/upload/package",
    "install/identifiers",
    "install/tasks/t1",
    "tool/invoke",
  ]);
});

test("demo takes nothing of the environment that could touch somebody's own daemon", async () => {
  const { env } = await demo(
    {},
    { env: { SERVER_KEY: "mine", DB_HOST: "db", PATH: "/bin", PLUGD_DATA_DIR: "/mine" } },
  );
  expect(env).toMatchObject({
    PATH: "/bin",
    SERVER_HOST: "127.0.0.1",
    FORCE_VERIFYING_SIGNATURE: "false",
    PLUGIN_REMOTE_INSTALLING_ENABLED: "false",
  });
  expect(Object.keys(env)).not.toContain("DB_HOST");
  expect(env["SERVER_KEY"]).not.toBe("mine");
  expect(env["PLUGD_DATA_DIR"]).toStartWith(join(tmpdir(), "plugd-demo-"));
});

test("demo removes everything after a failure and tells it", async () => {
  const upload = failure(-400, "PluginDaemonBadRequestError", "no package");
  const { code, err, env, closed } = await demo({ upload });
  expect({ code, err, closed }).toEqual({ code: 1, err: "Error: no package\n", closed: 1 });
  expect(existsSync(env["PLUGD_DATA_DIR"] ?? "/")).toBe(false);
});

test("demo removes everything after Ctrl-C", async () => {
  const interrupt = new AbortController();
  const dispatch = () =>
    new Response(
      new ReadableStream<string>({
        start: (controller) => controller.enqueue(sse(text("Hello, "))),
      }).pipeThrough(new TextEncoderStream()),
    );
  const { code, err, env, closed } = await demo(
    { dispatch },
    {
      signal: interrupt.signal,
      onStdout: (written) => {
        if (written === "Hello, ") interrupt.abort();
      },
    },
  );
  expect({ code, err, closed }).toEqual({ code: 130, err: "Interrupted\n", closed: 1 });
  expect(existsSync(env["PLUGD_DATA_DIR"] ?? "/")).toBe(false);
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plugd-sample-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("buildDemoPackage() makes the same archive every time, without folders, names in order", async () => {
  const [first, second] = await Promise.all([buildDemoPackage(), buildDemoPackage()]);
  expect(first).toEqual(second);
  const zip = new ZipReader(new Uint8ArrayReader(first), { useWebWorkers: false, checkSignature: true });
  const entries = await zip.getEntries();
  expect(entries.map((entry) => entry.filename)).toEqual([
    "README.md",
    "_assets/icon.svg",
    "main.ts",
    "manifest.yaml",
    "provider/hello.yaml",
    "tools/greet.yaml",
  ]);
  for (const entry of entries) {
    if (entry.directory) throw new Error(`${entry.filename} is a folder`);
    await Bun.write(join(folder, entry.filename), await entry.getData(new Uint8ArrayWriter()));
  }
  const source = Bun.file(join(import.meta.dir, "../../src/cli/demo-plugin/main.ts"));
  expect(await Bun.file(join(folder, "main.ts")).text()).toBe(await source.text());
});

/** The sample plugin as a process, with what it writes as parsed lines. */
function samplePlugin() {
  const child = Bun.spawn([process.execPath, "main.ts"], {
    cwd: dirname(Bun.resolveSync("../../src/cli/demo-plugin/main.ts", import.meta.dir)),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: {},
  });
  const lines = (async function* () {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) yield JSON.parse(part);
    }
  })();
  return {
    child,
    next: async () => (await lines.next()).value,
    ask: async (sessionId: string, data: Readonly<Record<string, unknown>>) => {
      await child.stdin.write(`${JSON.stringify({ session_id: sessionId, event: "request", data })}\n`);
      await child.stdin.flush();
    },
  };
}

test("the sample plugin tells its manifest, beats, and answers word by word", async () => {
  const { child, next, ask } = samplePlugin();
  expect(await next()).toMatchObject({ version: "0.1.0", type: "plugin", author: "plugd", name: "hello" });
  expect(await next()).toEqual({ event: "heartbeat", session_id: null, data: {} });
  await ask("s1", {
    type: "tool",
    action: "invoke_tool",
    provider: "hello",
    tool: "greet",
    tool_parameters: { name: "Zoë\u2028Z", pause_ms: 0 },
    credentials: {},
  });
  const words: string[] = [];
  for (;;) {
    const message = await next();
    expect(message).toMatchObject({ event: "session", session_id: "s1" });
    if (message.data.type === "end") break;
    expect(message.data).toMatchObject({ type: "stream", data: { type: "text", meta: null } });
    words.push(message.data.data.message.text);
  }
  expect(words.length).toBeGreaterThan(5);
  expect(words.join("")).toStartWith("Hello, Zoë\u2028Z! ");
  await child.stdin.end();
  expect(await child.exited).toBe(0);
});

test("the sample plugin ends a request that fails with an error and an end", async () => {
  const { child, next, ask } = samplePlugin();
  await next();
  await next();
  await ask("s1", { action: "invoke_tool", tool: "greet", tool_parameters: {} });
  expect(await next()).toEqual({
    session_id: "s1",
    event: "session",
    data: { type: "error", data: { error_type: "TypeError", message: "Tell me whom to greet", args: {} } },
  });
  expect(await next()).toMatchObject({ session_id: "s1", data: { type: "end" } });
  await ask("s2", { action: "invoke_tool", tool: "other" });
  expect(await next()).toMatchObject({ data: { data: { message: "There is no other here" } } });
  await child.stdin.end();
  expect(await child.exited).toBe(0);
});
