import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fakePackage } from "../support/daemon-api.ts";
import type { StartKnobs } from "../support/fake-plugin.ts";
import { plainPackage } from "../support/plain-package.ts";
import { isRunning, readLines, until } from "../support/processes.ts";
import { temporaryFolder } from "./author-support.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

interface Message {
  readonly invoke_id: string;
  readonly type: string;
  readonly response: Readonly<Record<string, unknown>>;
}

interface Running extends AsyncDisposable {
  /** Where the folders of runs are made. */
  readonly temporary: string;
  /** The next line of stdout. */
  line(): Promise<string>;
  /** The next message, in JSON mode. */
  message(): Promise<Message>;
  /** The messages of one call, to its end. */
  answersTo(invokeId: string): Promise<Message[]>;
  type(text: string): void;
  closeInput(): void;
  signal(name: "SIGINT" | "SIGTERM"): void;
  readonly exited: Promise<number>;
  stderr(): Promise<string>;
}

/** `plugin run` of the fake plugin as a process of its own, from source. */
async function run(
  flags: readonly string[],
  options: { readonly knobs?: StartKnobs; readonly package?: Uint8Array } = {},
): Promise<Running> {
  const folder = temporaryFolder();
  const temporary = join(folder.path, "tmp");
  mkdirSync(temporary);
  const file = join(folder.path, "fake.difypkg");
  writeFileSync(file, options.package ?? (await fakePackage({ startKnobs: options.knobs ?? {} })));
  const child = Bun.spawn([process.execPath, MAIN, "plugin", "run", file, ...flags], {
    env: { PATH: process.env["PATH"], HOME: folder.path, TMPDIR: temporary },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lines = readLines(child.stdout);
  const errors = child.stderr.text();

  async function line(): Promise<string> {
    const { value, done } = await lines.next();
    if (done) throw new Error(`It has ended: ${await errors}`);
    return value;
  }
  const message = async () => JSON.parse(await line()) as Message;

  return {
    temporary,
    line,
    message,
    async answersTo(invokeId) {
      const answers: Message[] = [];
      for (;;) {
        const one = await message();
        if (one.invoke_id !== invokeId) continue;
        answers.push(one);
        if (one.type === "plugin_invoke_end") return answers;
      }
    },
    type(text) {
      void child.stdin.write(text);
      void child.stdin.flush();
    },
    closeInput: () => void child.stdin.end(),
    signal: (name) => child.kill(name),
    exited: child.exited,
    stderr: () => errors,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      folder[Symbol.dispose]();
    },
  };
}

function request(invokeId: string, parameters: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({
    invoke_id: invokeId,
    type: "tool",
    action: "invoke_tool",
    request: { provider: "fake", tool: "act", tool_parameters: parameters },
  })}\n`;
}

test("plugin run speaks JSON on its standard streams, and SIGTERM ends it well and leaves nothing", async () => {
  await using running = await run(["--response-format", "json"]);
  expect(await running.message()).toEqual({
    invoke_id: "",
    type: "info",
    response: { info: "loading plugin" },
  });
  expect(await running.message()).toEqual({
    invoke_id: "",
    type: "plugin_ready",
    response: { info: "plugin loaded" },
  });
  expect(readdirSync(running.temporary).map((name) => name.slice(0, 11))).toEqual(["plugin-run-"]);

  running.type(request("one", { text: "hi" }));
  expect(await running.message()).toEqual({
    invoke_id: "",
    type: "info",
    response: { info: "received request" },
  });
  expect(await running.answersTo("one")).toEqual([
    {
      invoke_id: "one",
      type: "plugin_response",
      response: { type: "text", message: { text: "hi" }, meta: null },
    },
    { invoke_id: "one", type: "plugin_invoke_end", response: { info: "plugin invoke end" } },
  ]);

  running.type(request("two", { mode: "request" }));
  const [first] = await running.answersTo("two");
  expect(first?.response).toMatchObject({
    message: { json_object: { type: "tool", action: "invoke_tool", user_id: expect.any(String) } },
  });

  running.type(request("pid", { mode: "facts" }));
  const [facts] = await running.answersTo("pid");
  if (!facts) throw new Error("The plugin told nothing");
  const { message } = facts.response as unknown as { message: { json_object: { pid: number } } };
  const { pid } = message.json_object;
  expect(isRunning(pid)).toBe(true);

  running.signal("SIGTERM");
  expect(await running.exited).toBe(0);
  expect(isRunning(pid)).toBe(false);
  expect(readdirSync(running.temporary)).toEqual([]);
  expect(await running.stderr()).toBe("");
});

test("plugin run stays when its input ends, answers what came before, and goes with SIGINT", async () => {
  await using running = await run(["-r", "json"]);
  running.type(request("one", { mode: "items", n: 3, delay_ms: 50 }));
  running.closeInput();
  expect(await running.answersTo("one")).toHaveLength(4);
  running.signal("SIGINT");
  expect(await running.exited).toBe(0);
  expect(readdirSync(running.temporary)).toEqual([]);
});

test("plugin run answers calls back with made-up answers, where the manifest allows them", async () => {
  await using running = await run(["-r", "json"]);
  const ask = (type: string, fields: object) => request(type, { mode: "invoke", type, request: fields });
  const model = { provider: "p", model: "m", mode: "chat" };
  running.type(ask("llm", model));
  const text = JSON.stringify(await running.answersTo("llm"));
  for (const piece of ["hello", " world", " !"]) expect(text).toContain(piece);
  running.type(ask("app", { app_id: "a" }));
  expect(JSON.stringify(await running.answersTo("app"))).toContain("you need to enable app access");
  running.type(ask("storage", { opt: "get", key: "k" }));
  expect(JSON.stringify(await running.answersTo("storage"))).toContain("persistence not found");
});

test("plugin run reports an error of the plugin, and one whose process has died, and serves the next call", async () => {
  await using running = await run(["-r", "json"]);
  running.type(request("error", { mode: "error" }));
  const failed = await running.answersTo("error");
  expect(failed.map(({ type }) => type)).toEqual(["error", "plugin_invoke_end"]);
  expect(JSON.parse(String(failed[0]?.response["error"]))).toMatchObject({ error_type: expect.any(String) });

  running.type(request("died", { mode: "exit-code" }));
  const died = await running.answersTo("died");
  expect(JSON.parse(String(died[0]?.response["error"]))).toMatchObject({
    error_type: "ConnectionClosedError",
  });

  running.type(request("next", { text: "again" }));
  expect(JSON.stringify(await running.answersTo("next"))).toContain("again");
});

test("plugin run serves many clients over TCP, each with its own answers", async () => {
  await using running = await run(["-m", "tcp", "-r", "json"]);
  await running.message();
  const { response } = await running.message();
  expect(response).toMatchObject({ host: "0.0.0.0" });
  const ask = async (invokeId: string) => {
    const socket = connect({ host: "127.0.0.1", port: Number(response["port"]) });
    let text = "";
    socket.on("data", (chunk) => (text += chunk));
    // Half a connection is enough: what was asked is answered.
    socket.end(request(invokeId, { text: invokeId }));
    await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Message);
  };
  const answers = await Promise.all(["a", "b", "c"].map(ask));
  for (const [at, name] of ["a", "b", "c"].entries()) {
    expect(answers[at]?.map(({ type }) => type)).toEqual([
      "plugin_ready",
      "info",
      "plugin_response",
      "plugin_invoke_end",
    ]);
    expect(JSON.stringify(answers[at]?.[2]?.response)).toContain(`"text":"${name}"`);
  }
  // One that hangs up in the middle disturbs nobody.
  const rude = connect({ host: "127.0.0.1", port: Number(response["port"]) });
  rude.write(request("flood", { mode: "flood" }));
  await new Promise((resolve) => rude.once("data", resolve));
  rude.destroy();
  expect(await ask("d")).toHaveLength(4);
  running.signal("SIGTERM");
  expect(await running.exited).toBe(0);
});

test("plugin run in text mode writes what people read", async () => {
  await using running = await run([]);
  expect(await running.line()).toMatch(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[INFO\]loading plugin$/);
  expect(await running.line()).toBe("[plugin_ready] map[info:plugin loaded]");
  expect(await running.line()).toBe("");
  running.type(request("one", { text: "hi" }));
  expect(await running.line()).toBe("[info] map[info:received request]");
  await running.line();
  expect(await running.line()).toBe("[plugin_response] map[message:map[text:hi] meta:<nil> type:text]");
});

test("plugin run of a plugin that does not start says why, with one error event, and leaves nothing", async () => {
  await using running = await run(["-r", "json"], { knobs: { exitCode: 3, stderr: "no such module\n" } });
  await running.message();
  const failed = await running.message();
  expect(failed).toMatchObject({ invoke_id: "", type: "error" });
  expect(String(failed.response["error"])).toContain("exited with 3 before its first heartbeat");
  expect(String(failed.response["error"])).toContain("no such module");
  expect(await running.exited).toBe(1);
  expect(readdirSync(running.temporary)).toEqual([]);
});

test("plugin run of what is no package fails with one error event", async () => {
  await using running = await run(["-r", "json"], { package: Buffer.from("nonsense") });
  await running.message();
  expect(await running.message()).toMatchObject({
    type: "error",
    response: { error: expect.stringContaining("not a valid difypkg file") },
  });
  expect(await running.exited).toBe(1);
});

test("plugin run that is told to go while the plugin starts goes well and leaves nothing", async () => {
  await using running = await run(["-r", "json"], { knobs: { heartbeat: false } });
  await running.message();
  await until("its folder is there", () => readdirSync(running.temporary).length > 0);
  running.signal("SIGTERM");
  expect(await running.exited).toBe(0);
  expect(readdirSync(running.temporary)).toEqual([]);
});

test("plugin run shows the plugin's log with --enable-logs only", async () => {
  await using running = await run(["-r", "json", "-l"], { knobs: { stderr: "a warning\n" } });
  await running.message();
  await running.message();
  running.signal("SIGTERM");
  await running.exited;
  expect(await running.stderr()).toContain("a warning");
});

test("plugin run runs a plugin in any language", async () => {
  const script = await Bun.file(join(import.meta.dir, "../fixtures/plugins/plain/main.sh")).text();
  const runner = { language: "sh", protocol: "plain", command: ["./main.sh"] };
  const bytes = await plainPackage({ name: "shell", runner, files: { "main.sh": script } });
  await using running = await run(["--response-format", "json"], { package: bytes });
  running.type(request("one", { name: "Ada" }));
  const answers = await running.answersTo("one");
  expect(answers.map(({ response }) => response["message"])).toEqual([
    { text: "Hello, " },
    { text: "Ada" },
    undefined,
  ]);
});
