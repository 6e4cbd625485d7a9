/** `plugd_debug` in plugins of the published SDK: breakpoints, logs, reload, and its silence without a daemon. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import { freePort } from "../support/daemon.ts";
import { readAnswer, TENANT } from "../support/daemon-api.ts";
import { debugKey } from "../support/debug-client.ts";
import { debugConnections } from "../support/debug-daemon.ts";
import { watchPluginEvents } from "../support/plugin-events.ts";
import { until } from "../support/processes.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import { pythonOf, startDeveloper } from "../support/sdk-developer.ts";

setDefaultTimeout(240_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const HELPER = readFileSync(
  join(import.meta.dir, "../../src/service/author/debug-helper/plugd_debug.py"),
  "utf8",
);
const TOOL = `import logging
from dify_plugin import Tool
from plugd_debug import plugd_breakpoint

class GreetTool(Tool):
    def _invoke(self, tool_parameters):
        name = tool_parameters["name"]
        logging.getLogger("greet").warning("greeting %s", name)
        if name == "stop":
            answer = 42
            long = "x" * 5000
            odd = {"set": {1}, "nan": float("nan"), "me": object, "deep": [[[[[[1]]]]]], "big": 2**80}
            plugd_breakpoint()
            answer += 1
            yield self.create_text_message(f"went on with {answer}")
        else:
            yield self.create_text_message(f"Debugged {name}")
`;
const LINE = TOOL.split("\n").findIndex((line) => line.includes("plugd_breakpoint()")) + 1;
const MAIN = readFileSync(join(import.meta.dir, "../fixtures/plugins/hello/main.py"), "utf8");
const EARLY = `import plugd_debug\n${MAIN}`;
const LATE = MAIN.replace("\nplugin =", "\nimport plugd_debug\nplugin =");

const greet = (name: string) => ({
  path: "/tool/invoke",
  data: { provider: "hello", tool: "greet", tool_parameters: { name }, credentials: {} },
});
const textOf = (items: readonly unknown[]) =>
  (items as { message: { text: string } }[]).map((item) => item.message.text).join("|");

async function setUp(main: string, env: Readonly<Record<string, string>> = {}) {
  const port = freePort();
  const daemon = await startSdkDaemon({
    env: {
      PLUGIN_REMOTE_INSTALLING_ENABLED: "true",
      PLUGIN_REMOTE_INSTALLING_PORT: String(port),
      PLUGD_DEBUG_GRACE: "30s",
      ...env,
    },
  });
  const { pluginId } = await daemon.add("hello");
  const developer = startDeveloper({
    files: loadPlugin("hello", { "main.py": main, "tools/greet.py": TOOL, "plugd_debug.py": HELPER }),
    python: pythonOf(daemon),
    port,
    key: await debugKey(daemon.api),
  });
  await until("the plugin is registered", async () => (await debugConnections(daemon)) === 1, {
    withinMs: 30_000,
  });
  const events = await watchPluginEvents(daemon, pluginId);
  return {
    daemon,
    developer,
    events,
    pluginId,
    async [Symbol.asyncDispose]() {
      await events[Symbol.asyncDispose]();
      developer[Symbol.dispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

async function tell(daemon: SdkDaemon, what: "continue" | "reload", pluginId: string) {
  return readAnswer(
    await daemon.api.request(`/plugin/${TENANT}/debugging/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ plugin_id: pluginId }),
    }),
  );
}

describe.skipIf(why !== "")(`plugd_debug${why}`, () => {
  for (const [when, main] of [
    ["before the SDK", EARLY],
    ["after the SDK", LATE],
  ] as const)
    test(`imported ${when}, a call stands at a breakpoint longer than its limit, and goes on when it is told to`, async () => {
      await using made = await setUp(main, {
        PLUGIN_MAX_EXECUTION_TIMEOUT: "3",
        PLUGD_DEBUG_SILENCE_TIMEOUT: "15",
      });
      const { daemon, events, pluginId } = made;
      await until(
        "the helper is there",
        async () => {
          await daemon.ask(pluginId, greet("you"));
          return events.seen.some(({ data }) => data["text"] === "greeting you");
        },
        { withinMs: 20_000, everyMs: 200 },
      );
      const began = performance.now();
      const answer = daemon.ask(pluginId, greet("stop"));
      const stop = await events.next("breakpoint");
      expect(stop).toMatchObject({
        file: "tools/greet.py",
        line: LINE,
        variables: {
          name: "stop",
          answer: 42,
          tool_parameters: { name: "stop" },
          odd: { set: [1], nan: "nan", big: String(2n ** 80n) },
        },
        session_id: expect.any(String),
      });
      expect(JSON.stringify(stop)).toContain("(5000 characters)");
      // Others are served meanwhile, and the heart goes on beating.
      expect(textOf((await daemon.ask(pluginId, greet("other"))).items)).toBe("Debugged other");
      await until("the limit is over", () => performance.now() - began > 4500, { everyMs: 100 });
      expect(await tell(daemon, "continue", pluginId)).toMatchObject({ data: true });
      expect(textOf((await answer).items)).toBe("went on with 43");
      await events.next("continue");
    });

  test("a file that changes starts the plugin anew, one that cannot be compiled does not", async () => {
    await using made = await setUp(EARLY);
    const { daemon, developer, events, pluginId } = made;
    const path = join(developer.folder, "tools/greet.py");
    expect(textOf((await daemon.ask(pluginId, greet("you"))).items)).toBe("Debugged you");
    writeFileSync(path, "def broken(:\n");
    expect(await events.next("reload", ({ status }) => status === "error")).toMatchObject({
      message: expect.stringContaining("SyntaxError"),
    });
    expect(textOf((await daemon.ask(pluginId, greet("you"))).items)).toBe("Debugged you");
    writeFileSync(path, TOOL.replace("Debugged", "Reloaded"));
    await events.next("reload", ({ status }) => status === "success");
    await until(
      "the new code answers",
      async () => textOf((await daemon.ask(pluginId, greet("you"))).items) === "Reloaded you",
    );
    const before = events.seen.filter(({ type }) => type === "reload").length;
    expect(await tell(daemon, "reload", pluginId)).toMatchObject({ data: true });
    await until(
      "it has reloaded again",
      () => events.seen.filter(({ type }) => type === "reload").length >= before + 2,
      {
        withinMs: 20_000,
      },
    );
  });

  test("without a daemon, or without a key, a plugin runs as if it were not there", async () => {
    await using daemon = await startSdkDaemon();
    const folder = mkdtempSync(join(tmpdir(), "plugd-helper-"));
    try {
      await daemon.add("hello");
      writeFileSync(join(folder, "plugd_debug.py"), HELPER);
      writeFileSync(join(folder, "manifest.yaml"), "author: a\nname: n\n");
      const run = (env: Record<string, string>) => {
        const began = performance.now();
        const child = Bun.spawnSync(
          [
            pythonOf(daemon),
            "-c",
            "import plugd_debug; plugd_debug.plugd_breakpoint(); plugd_debug.plugd_breakpoint(); print('done')",
          ],
          { cwd: folder, env: { PATH: process.env["PATH"] ?? "", ...env } },
        );
        return {
          out: child.stdout.toString(),
          warnings: child.stderr.toString().trim().split("\n").length,
          code: child.exitCode,
          ms: performance.now() - began,
        };
      };
      expect(run({})).toMatchObject({ out: "done\n", warnings: 1, code: 0 });
      const away = {
        REMOTE_INSTALL_HOST: "127.0.0.1",
        REMOTE_INSTALL_PORT: String(freePort()),
        REMOTE_INSTALL_KEY: "k",
      };
      const alone = run(away);
      expect(alone).toMatchObject({ out: "done\n", warnings: 1, code: 0 });
      expect(alone.ms).toBeLessThan(20_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
