import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallAnswer, readCall, TENANT } from "../support/daemon-api.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { plainPackage } from "../support/plain-package.ts";
import { until } from "../support/processes.ts";
import { endpointsOf, callHook } from "./hooks-support.ts";

/* Plugins in TypeScript with the module `plugd/plugin`: made, checked, packed, installed and called as their authors do. */

setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../src/main.ts");
const MODULE = join(import.meta.dir, "../../src/runtime/local/plugin-module/plugin.ts");
const folder = mkdtempSync(join(tmpdir(), "plugd-typescript-"));
let daemon: LocalDaemon;
beforeAll(async () => {
  daemon = await startTestDaemon();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The program itself, as a user starts it. */
async function plugd(...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, MAIN, ...argv], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      PLUGD_URL: daemon.url,
      SERVER_KEY: daemon.key,
      NO_COLOR: "1",
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`plugd ${argv.join(" ")} ended with ${code}: ${out}${err}`);
  return out;
}

async function dispatch(pluginId: string, path: string, data: object): Promise<CallAnswer> {
  return readCall(
    await daemon.api.request(`/plugin/${TENANT}/dispatch${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": pluginId },
      body: JSON.stringify({ user_id: "u1", data }),
    }),
  );
}

/** What an editor finds wrong in a folder. */
function typeErrors(path: string): string {
  const { stdout, exitCode } = Bun.spawnSync([process.execPath, "check", "--no-script"], { cwd: path });
  return exitCode === 0 ? "" : stdout.toString();
}

const INIT = [
  "plugin",
  "init",
  "--quick",
  "--author",
  "me",
  "--description",
  "d",
  "--language",
  "typescript",
];

describe("plugd plugin init --language typescript", () => {
  test("a tool: made, checked by the editor's rules, packed, installed and called, all by the program", async () => {
    await plugd(...INIT, "--name", "finder");
    expect(readdirSync(join(folder, "finder")).toSorted()).toEqual(
      [
        ".difyignore",
        ".gitignore",
        "GUIDE.md",
        "PRIVACY.md",
        "README.md",
        "_assets",
        "main.ts",
        "manifest.yaml",
        "plugd.d.ts",
        "provider",
        "tools",
        "tsconfig.json",
      ].toSorted(),
    );
    expect(typeErrors(join(folder, "finder"))).toBe("");
    await plugd("plugin", "package", "finder");
    expect(await plugd("install", "finder.difypkg")).toContain("me/finder");
    expect(await plugd("invoke", "me/finder", "finder", "query=tea")).toContain("You asked for: tea");
    expect(daemon.log()).toContain("looking for tea");
  });

  async function installed(
    category: string,
    name: string,
  ): Promise<{ pluginId: string; identifier: string }> {
    await plugd(...INIT, "--name", name, "--category", category);
    expect(typeErrors(join(folder, name))).toBe("");
    await plugd("plugin", "package", name);
    await plugd("install", `${name}.difypkg`, "--tenant", TENANT);
    const row = (await daemon.api.installations()).find(({ plugin_id }) => plugin_id === `me/${name}`);
    return { pluginId: `me/${name}`, identifier: row?.plugin_unique_identifier ?? "" };
  }

  test("a model", async () => {
    const { pluginId } = await installed("llm", "talker");
    const model = {
      provider: "talker",
      model_type: "llm",
      model: "talker-llm",
      credentials: { api_key: "k" },
    };
    const prompt_messages = [{ role: "user", content: "good morning" }];
    const { items, failure } = await dispatch(pluginId, "/llm/invoke", {
      ...model,
      prompt_messages,
      model_parameters: {},
      stream: true,
    });
    expect(failure).toBeUndefined();
    expect(items).toMatchObject([
      { delta: { index: 0, message: { content: "good " } } },
      { delta: { index: 1, message: { content: "morning" } } },
      { delta: { index: 2, finish_reason: "stop", usage: { total_tokens: 2 } } },
    ]);
    expect((await dispatch(pluginId, "/llm/num_tokens", { ...model, prompt_messages })).items).toEqual([
      { num_tokens: 2 },
    ]);
    const check = (credentials: object) =>
      dispatch(pluginId, "/model/validate_provider_credentials", { provider: "talker", credentials });
    expect((await check({ api_key: "k" })).items).toMatchObject([{ result: true }]);
    expect((await check({})).failure).toMatchObject({
      error_type: "CredentialsValidationError",
      message: "An API key is needed",
    });
  });

  test("an endpoint", async () => {
    const { identifier } = await installed("extension", "door");
    const hook = await endpointsOf(daemon).setUp(identifier, { greeting: "Good day" });
    const response = await callHook(daemon, `${hook}/door/Ada%20L`);
    expect(response.headers.get("content-type")).toBe("text/plain");
    expect(await response.text()).toBe("Good day, Ada L");
  });

  test("there is no template of a trigger", async () => {
    await expect(plugd(...INIT, "--name", "never", "--category", "trigger")).rejects.toThrow(
      'there is no template of "trigger" in typescript, only of tool, llm, extension',
    );
  });
});

test("plugd.d.ts declares what the module has", () => {
  const path = join(folder, "compare");
  mkdirSync(path);
  const made = (name: string) =>
    readFileSync(join(import.meta.dir, "../../src/service/author/templates/typescript", name), "utf8");
  writeFileSync(join(path, "plugd.d.ts"), made("plugd.d.ts.txt"));
  // The module itself is made for Bun.
  const config = JSON.parse(made("tsconfig.json.txt"));
  Object.assign(config.compilerOptions, {
    allowImportingTsExtensions: true,
    noImplicitAny: false,
    lib: ["ESNext", "DOM", "DOM.AsyncIterable"],
  });
  writeFileSync(join(path, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(
    join(path, "plugin.ts"),
    `declare const Bun: any; declare const Buffer: any; declare const process: any;
declare global { interface ImportMeta { env: any } }\n${readFileSync(MODULE, "utf8")}`,
  );
  writeFileSync(
    join(path, "compare.ts"),
    `import * as declared from "plugd/plugin";
import * as real from "./plugin.ts";
export const one: typeof declared = real;
export const other: typeof real = declared;
export const calls: [real.EndpointCall, declared.EndpointCall][] = [];
export const there = (call: real.EndpointCall): declared.EndpointCall => call;
export const back = (call: declared.EndpointCall): real.EndpointCall => call;
export const plugin = (given: declared.Plugin): real.Plugin => given;
export const given = (plugin: real.Plugin): declared.Plugin => plugin;
`,
  );
  expect(typeErrors(path)).toBe("");
});

describe("plugd/plugin", () => {
  const SOURCE = `import { PluginError, serve } from "plugd/plugin";
let cancelled = 0;
const MODES = {
  one: () => "one",
  json: async () => ({ type: "json", content: { a: 1 } }),
  async *many({ n }) {
    for (let at = 0; at < n; at++) yield String(at);
  },
  async *flood({ n, bytes }) {
    const text = "x".repeat(bytes);
    for (let at = 0; at < n; at++) yield text;
  },
  async *hang(_, { signal }) {
    try {
      yield "begun";
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    } finally {
      cancelled++;
    }
  },
  cancelled: () => String(cancelled),
  fail: () => { throw new PluginError("slow down", { type: "RateLimitError", code: "RATE" }); },
  broken: () => undefined.x,
  async storage(_, { storage }) {
    const before = await storage.get("k");
    await storage.set("k", "é");
    const value = await storage.get("k");
    const has = await storage.has("k");
    await storage.delete("k");
    return JSON.stringify([before ?? null, value, has, await storage.has("k")]);
  },
  async user(_, { ask }) { return JSON.stringify(await ask("user.get_info")); },
  async denied(_, { ask }) {
    try { await ask("app.get_info"); } catch (error) { return error.message; }
  },
};
await serve({
  tools: { act: (call) => MODES[call.parameters.mode](call.parameters, call) },
});
`;
  let pluginId = "";
  beforeAll(async () => {
    const bytes = await plainPackage({
      name: "modes",
      runner: { language: "typescript", version: "1.4", entrypoint: "main", protocol: "plain" },
      files: { "main.ts": SOURCE },
    });
    const { data, failure } = await daemon.api.upload(bytes);
    if (failure) throw new Error(failure.message);
    const { unique_identifier: identifier } = data as { unique_identifier: string };
    const task = await daemon.api.finished(await daemon.api.startInstall(identifier));
    if (task.status !== "success") throw new Error(task.plugins[0]?.message);
    pluginId = identifier.slice(0, identifier.indexOf(":"));
  });

  const call = (parameters: Readonly<Record<string, unknown>>) => daemon.api.call(pluginId, parameters);
  const texts = async (parameters: Readonly<Record<string, unknown>>) => {
    const { items, failure } = await call(parameters);
    if (failure) throw new Error(failure.message);
    return (items as { message: { text: string } }[]).map(({ message }) => message.text);
  };

  test("answers one value, or many, side by side", async () => {
    expect(await texts({ mode: "one" })).toEqual(["one"]);
    expect((await call({ mode: "json" })).items).toEqual([
      { type: "json", message: { json_object: { a: 1 } }, meta: null },
    ]);
    const expected = Array.from({ length: 50 }, (_, at) => String(at));
    const answers = await Promise.all([1, 2, 3].map(() => texts({ mode: "many", n: 50 })));
    expect(answers).toEqual([expected, expected, expected]);
  });

  test("sends more than a pipe holds", async () => {
    const pieces = await texts({ mode: "flood", n: 200, bytes: 100_000 });
    expect(pieces).toHaveLength(200);
    expect(pieces.every(({ length }) => length === 100_000)).toBe(true);
  });

  test("fails with what was thrown", async () => {
    expect((await call({ mode: "fail" })).failure).toEqual({
      error_type: "RateLimitError",
      message: "slow down",
      args: { code: "RATE" },
    });
    expect((await call({ mode: "broken" })).failure).toMatchObject({ error_type: "TypeError" });
  });

  test("stores, and asks the platform; a refusal is an error of its own", async () => {
    expect(await texts({ mode: "storage" })).toEqual(['[null,"é",true,false]']);
    expect(await texts({ mode: "user" })).toEqual([JSON.stringify({ user_id: "u1" })]);
    expect(await texts({ mode: "denied" })).toEqual([
      "permission denied, you need to enable app access in plugin manifest",
    ]);
  });

  test("is told when nobody waits any more, and ends its generator", async () => {
    const leave = new AbortController();
    const response = await daemon.api.open(pluginId, { mode: "hang" }, { signal: leave.signal });
    await response.body?.getReader().read();
    leave.abort();
    await until("the generator has ended", async () => (await texts({ mode: "cancelled" }))[0] === "1");
  });
});
