import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findSdkTools, SDK, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import { CACHE } from "./python-env-support.ts";

/* A tool and a model plugin with the SDK of today and of 2025, installed with uv and with pip. */

setDefaultTimeout(240_000);

const PLUGINS = ["kitchen-tools", "kitchen-models", "old-tool", "old-model"] as const;
const tools = await findSdkTools();
const python = "missing" in tools ? "" : tools.python;
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const noUv = why || ("uv" in tools && tools.uv === undefined ? " (skipped: no uv)" : "");

/** Calls each of `PLUGINS` once; streamed answers, as texts. */
async function sayAll(daemon: SdkDaemon): Promise<unknown[]> {
  const prompt = { model_type: "llm", model_parameters: {}, stream: true };
  const user = (content: string) => ({ prompt_messages: [{ role: "user", content }] });
  const calls = [
    [
      "/tool/invoke",
      { provider: "kitchen", tool: "say", tool_parameters: { what: "text", n: 3 }, credentials: {} },
    ],
    ["/llm/invoke", { provider: "kitchen", model: "chef-1", credentials: {}, ...prompt, ...user("hi") }],
    [
      "/tool/invoke",
      { provider: "old", tool: "say", tool_parameters: { count: 3 }, credentials: { api_key: "k" } },
    ],
    ["/llm/invoke", { provider: "old", model: "parrot", credentials: {}, ...prompt, ...user("a b c") }],
  ] as const;
  const answers = await Promise.all(
    calls.map(([path, data], at) => daemon.ask(`plugd-test/${PLUGINS[at]}`, { path, data })),
  );
  return answers.map(({ items, failure }) => failure ?? items.length);
}
/** Frames of the four: texts; pieces; texts, JSON and three chunks; words. */
const SAID = [3, 4, 7, 3];

async function addAll(daemon: SdkDaemon): Promise<Map<string, readonly string[]>> {
  const messages = new Map<string, readonly string[]>();
  for (const name of PLUGINS) messages.set(name, (await daemon.add(name)).messages);
  return messages;
}

/** What a task tells of a plugin that needs dependencies of its own. */
function expectStages(messages: readonly string[] = []): void {
  expect(messages[0]).toBe("starting");
  expect(messages.some((message) => message.startsWith("dependencies: "))).toBe(true);
  expect(messages.slice(-2)).toEqual([
    "installing heartbeat, waiting for plugin to be ready...",
    "installed",
  ]);
}

describe.skipIf(noUv !== "")(`an installation with uv${noUv}`, () => {
  test("makes plugins for the SDK of today and of 2025 answer, one environment for each SDK", async () => {
    await using daemon = await startSdkDaemon({ alone: true });
    const messages = await addAll(daemon);
    // Other words for the same set.
    const text = "# the same\ndify-plugin >=0.10.2, <0.10.3\n";
    messages.set("hello", (await daemon.add("hello", { "requirements.txt": text })).messages);
    expect(await sayAll(daemon)).toEqual(SAID);
    expect((await daemon.environments()).map(({ installer }) => installer)).toEqual(["uv", "uv"]);
    for (const name of ["kitchen-tools", "old-tool"]) expectStages(messages.get(name));
    // Later plugins with the same set find everything there.
    for (const name of ["kitchen-models", "old-model", "hello"])
      expect(messages.get(name)?.filter((message) => /install(?:ing|ed) \d|compiled/i.test(message))).toEqual(
        [],
      );
  });

  test("fails where UV_PATH leads nowhere, and says so", async () => {
    await using daemon = await startSdkDaemon({ alone: true, env: { UV_PATH: "/nowhere/uv" } });
    const { task } = await daemon.attempt("hello");
    expect(task.status).toBe("failed");
    expect(task.plugins[0]?.message).toBe(
      'failed to find uv path: "/nowhere/uv" does not work\nSet UV_PATH to the uv program, or unset it',
    );
  });
});

/** Folders of wheels, one for each release of the SDK, kept between runs. */
function downloadWheels(): Promise<string[]> {
  return Promise.all(
    [SDK, "dify_plugin~=0.2.0"].map(async (release) => {
      const folder = join(CACHE, `wheels-${release.replaceAll(/\W+/g, "-")}`);
      const complete = join(folder, "complete");
      if (existsSync(complete)) return folder;
      const argv = [python, "-m", "pip", "download", "-q", "--only-binary=:all:", "-d", folder, release];
      const child = Bun.spawn(argv, { stdout: "ignore", stderr: "pipe" });
      const [text, code] = await Promise.all([child.stderr.text(), child.exited]);
      if (code !== 0) throw new Error(`Cannot download ${release}: ${text}`);
      writeFileSync(complete, "");
      return folder;
    }),
  );
}

describe.skipIf(why !== "")(`an installation with pip${why}`, () => {
  test("makes plugins for the SDK of today and of 2025 answer, one environment for each SDK", async () => {
    // No uv: the PATH has none, and the one interpreter that is asked has no such module.
    const folder = mkdtempSync(join(tmpdir(), "plugd-no-uv-"));
    Bun.spawnSync([python, "-m", "venv", "--without-pip", folder]);
    const wheels = await downloadWheels();
    try {
      await using daemon = await startSdkDaemon({
        alone: true,
        env: {
          PATH: "/usr/bin:/bin",
          PYTHON_INTERPRETER_PATH: join(folder, "bin/python"),
          // As an operator without internet would: pip itself asks the index for everything twice.
          PIP_EXTRA_ARGS: ["--no-index", ...wheels.map((one) => `--find-links=${one}`)].join(" "),
        },
      });
      const messages = await addAll(daemon);
      expect(await sayAll(daemon)).toEqual(SAID);
      expect((await daemon.environments()).map(({ installer }) => installer)).toEqual(["pip", "pip"]);
      for (const name of ["kitchen-tools", "old-tool"]) expectStages(messages.get(name));
      expect(messages.get("kitchen-tools")?.some((message) => message.includes("Preparing pip"))).toBe(true);
      for (const name of ["kitchen-models", "old-model"])
        expect(messages.get(name)?.filter((message) => /installing \d|collecting/i.test(message))).toEqual(
          [],
        );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
