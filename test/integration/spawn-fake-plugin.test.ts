import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { MemoryLimiter } from "../../src/runtime/local/memory-limit.ts";
import { createMemoryLimiter } from "../../src/runtime/local/memory-limiter.ts";
import { createSpawnStarter } from "../../src/runtime/local/spawn.ts";
import { plainLauncher } from "../../src/runtime/local/spawn-launcher.ts";
import type { PluginProcess } from "../../src/runtime/process.ts";
import type { StartKnobs } from "../support/fake-plugin.ts";
import { FAKE_PLUGIN_PATH, fakePluginFiles } from "../support/fake-plugin-package.ts";
import { isRunning, readLines, until } from "../support/processes.ts";

let folder: string;
let memory: MemoryLimiter;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plugd-fake-"));
  memory = await createMemoryLimiter({ log: { warn: () => undefined }, mechanism: "watcher" });
});
afterAll(async () => {
  await memory.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(knobs: StartKnobs = {}, argv: readonly string[] = [FAKE_PLUGIN_PATH]): Promise<PluginProcess> {
  return createSpawnStarter({ launcher: plainLauncher(""), memory }).start({
    argv: [process.execPath, ...argv],
    cwd: folder,
    env: { FAKE_PLUGIN: JSON.stringify(knobs), PATH: process.env["PATH"] ?? "" },
    limits: { memoryBytes: 0 },
  });
}

function request(parameters: Record<string, unknown>): string {
  return `${JSON.stringify({ session_id: "s", event: "request", data: { type: "tool", tool_parameters: parameters } })}\n`;
}

const START = [
  '{"version":"0.0.1","type":"plugin","author":"tests","name":"fake"}',
  "",
  '{"event": "log", "data": {"level": "INFO", "message": "Installed tool: fake", "timestamp": 1.5}}',
];
const BEAT = ['{"event":"heartbeat","session_id":null,"data":{}}', ""];
const message = (text: string) =>
  `{"event":"session","session_id":"s","data":{"type":"stream","data":{"type":"text","message":{"text":${JSON.stringify(text)}},"meta":null}}}`;
const END = '{"event":"session","session_id":"s","data":{"type":"end","data":{}}}';
const ERROR =
  '{"event":"session","session_id":"s","data":{"type":"error","data":{"error_type":"Bad","message":"no","args":{}}}}';

/** What comes after the start, up to and with the `end` of the session. */
async function answer(parameters: Record<string, unknown>): Promise<string[]> {
  const child = await run();
  await child.write(request(parameters));
  const lines: string[] = [];
  for await (const line of readLines(child.stdout)) {
    lines.push(line);
    if (line.includes('"type":"end"')) break;
  }
  child.signal("SIGKILL");
  await child.exited;
  return lines.slice(START.length + BEAT.length);
}

describe("the fake plugin answers", () => {
  test.each<[Record<string, unknown>, readonly string[]]>([
    [{ mode: "echo", text: "hi" }, [message("hi"), "", END]],
    [{ mode: "items", n: 2, size: 3, delay_ms: 1 }, [message("xxx"), "", message("xxx"), "", END]],
    [{ mode: "flood", n: 1, size: 1 }, [message("x"), "", END]],
    [{ mode: "end-only" }, [END]],
    [{ mode: "no such mode" }, [END]],
    [{ mode: "error-then-end", error_type: "Bad", message: "no" }, [ERROR, "", END]],
    [{ mode: "u2028" }, [message("a\u2028b\u2029c\u0085d"), "", END]],
    [{ mode: "two-items" }, [message("one"), "", message("two"), "", END]],
    [{ mode: "glued" }, [message("one") + message("two"), "", END]],
    [{ mode: "print-without-newline" }, [`debug: ${message("after a print")}`, "", END]],
    [{ mode: "carriage-return" }, [`${message("crlf")}\r`, END]],
    [{ mode: "invalid-utf8" }, ["\ufffd\ufffd\ufffd(", message("a\ufffdb"), "", END]],
    [{ mode: "bigline", bytes: 70_000 }, [message("x".repeat(70_000)), "", END]],
    [{ mode: "alloc", bytes: 1000 }, [message("kept 1000"), "", END]],
  ])("%p", async (parameters, lines) => {
    expect(await answer(parameters)).toEqual([...lines]);
  });

  test("raw with any JSON, and request with what it got", async () => {
    expect(await answer({ mode: "raw", item: { delta: 1 }, n: 2 })).toEqual([
      '{"event":"session","session_id":"s","data":{"type":"stream","data":{"delta":1}}}',
      "",
      '{"event":"session","session_id":"s","data":{"type":"stream","data":{"delta":1}}}',
      "",
      END,
    ]);
    expect((await answer({ mode: "request", x: 1 }))[0]).toContain(
      '"tool_parameters":{"mode":"request","x":1}',
    );
  });

  test("garbage with noise before its message", async () => {
    const lines = await answer({ mode: "garbage" });
    expect(lines).toHaveLength(10);
    expect(lines.slice(-3)).toEqual([message("after garbage"), "", END]);
  });
});

describe("the fake plugin ends", () => {
  test.each<[Record<string, unknown>, number]>([
    [{ mode: "silent-exit" }, 0],
    [{ mode: "exit-code", code: 7, stderr: "why" }, 7],
    [{ mode: "half-line-and-die" }, 1],
  ])("%p", async (parameters, code) => {
    const child = await run();
    await child.write(request(parameters));
    const [stdout, stderr, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect(exit).toEqual({ code, signal: null, outOfMemory: false });
    expect(stderr).toBe(parameters["mode"] === "exit-code" ? "why" : "");
    expect(stdout.endsWith("\n")).toBe(parameters["mode"] !== "half-line-and-die");
  });

  test("with a grandchild that holds stdout", async () => {
    const child = await run();
    await child.write(request({ mode: "fork-grandchild-holding-stdout", exit: true, code: 4 }));
    let grandchild = 0;
    for await (const line of readLines(child.stdout))
      grandchild = Number(/"pid":(\d+)/.exec(line)?.[1] ?? grandchild);
    expect((await child.exited).code).toBe(4);
    expect(grandchild).toBeGreaterThan(0);
    await until("the grandchild is killed", () => !isRunning(grandchild));
  });

  test("after n requests, the last one unanswered", async () => {
    const child = await run({ dieAfterRequests: 2 });
    await child.write(request({ text: "one" }) + request({ text: "two" }));
    const text = await new Response(child.stdout).text();
    expect(text).toContain(message("one"));
    expect(text).not.toContain(message("two"));
    expect((await child.exited).signal).toBe("SIGKILL");
  });
});

test("the fake plugin calls back and passes the answers on", async () => {
  const child = await run();
  await child.write(request({ mode: "invoke", type: "storage", request: { opt: "del", key: "a" } }));
  const items: string[] = [];
  for await (const line of readLines(child.stdout)) {
    const id = /"backwards_request_id":"([^"]+)","request":\{"opt":"del","key":"a"\}/.exec(line)?.[1];
    if (id !== undefined)
      for (const event of ["response", "end"])
        await child.write(
          `${JSON.stringify({ session_id: "s", event: "backwards_response", data: { backwards_request_id: id, event } })}\n`,
        );
    if (line.includes('"stream"')) items.push(/"event":"(response|end)"/.exec(line.slice(20))?.[1] ?? line);
    if (line === END) break;
  }
  expect(items).toEqual(["response", "end"]);
  child.signal("SIGKILL");
  await child.exited;
});

describe("the fake plugin starts", () => {
  async function output(knobs: StartKnobs) {
    const child = await run(knobs);
    const [stdout, stderr, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { stdout, stderr, code: exit.code };
  }

  test("or exits at once, with a text on stderr", async () => {
    expect(await output({ exitCode: 2, stderr: "boom\n" })).toEqual({
      stdout: "",
      stderr: "boom\n",
      code: 2,
    });
  });

  test("without a heartbeat, late, and often", async () => {
    const seen = async (knobs: StartKnobs, lines: number) => {
      const child = await run(knobs);
      const reader = readLines(child.stdout);
      const texts: string[] = [];
      while (texts.length < lines) texts.push(String((await reader.next()).value));
      child.signal("SIGKILL");
      await child.exited;
      return texts;
    };
    expect(await seen({ heartbeat: false }, 3)).toEqual(START);
    const began = performance.now();
    expect(await seen({ slowStartMs: 200, heartbeatIntervalMs: 5 }, 9)).toEqual([
      ...START,
      ...BEAT,
      ...BEAT,
      ...BEAT,
    ]);
    expect(performance.now() - began).toBeGreaterThan(200);
  });

  test("from its package, with the knobs that stand there", async () => {
    const files = await fakePluginFiles({ name: "other", version: "1.2.3", startKnobs: { exitCode: 6 } });
    for (const { path, bytes } of files) {
      mkdirSync(dirname(join(folder, "package", path)), { recursive: true });
      writeFileSync(join(folder, "package", path), bytes);
    }
    const child = await run({}, [join(folder, "package", "main.ts")]);
    expect((await child.exited).code).toBe(6);
  });
});

test("fakePluginFiles() are a manifest with all that it names", async () => {
  const files = new Map(
    (await fakePluginFiles({ author: "me", name: "1", version: "1.10.0", memoryBytes: 7 })).map(
      ({ path, bytes }) => [path, new TextDecoder().decode(bytes)],
    ),
  );
  const manifest: unknown = parse(files.get("manifest.yaml") ?? "");
  expect(manifest).toMatchObject({
    version: "1.10.0",
    author: "me",
    name: "1",
    resource: { memory: 7 },
    plugins: { tools: ["provider/fake.yaml"] },
    meta: { runner: { language: "typescript", entrypoint: "main.ts" } },
  });
  expect(parse(files.get("provider/fake.yaml") ?? "")).toMatchObject({ tools: ["tools/act.yaml"] });
  expect([...files.keys()].sort()).toEqual([
    "_assets/icon.svg",
    "fake-plugin.json",
    "main.ts",
    "manifest.yaml",
    "provider/fake.yaml",
    "tools/act.yaml",
  ]);
});
