/** `plugd plugin dev` with a plugin of the published SDK. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import { type CallAnswer, readAnswer, readCall, TENANT } from "../support/daemon-api.ts";
import { startDebugDaemon } from "../support/debug-daemon.ts";
import { startDevCommand } from "../support/dev-command.ts";
import { watchPluginEvents } from "../support/plugin-events.ts";
import { until } from "../support/processes.ts";
import { findSdkTools } from "../support/sdk-daemon.ts";
import { author, temporaryFolder } from "./author-support.ts";
import { CACHE } from "./python-env-support.ts";

setDefaultTimeout(240_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

function code(greeting: string): string {
  return `import time
from dify_plugin import Tool

class GreetTool(Tool):
    def _invoke(self, tool_parameters):
        name = tool_parameters["name"]
        yield self.create_text_message(f"${greeting} {name}")
        if name == "wait":
            time.sleep(60)
`;
}

async function setUp(place: string, changes: Readonly<Record<string, string>> = {}) {
  const folder = join(place, "plugin");
  // Downloads are those of all tests; the environment goes with the folder.
  mkdirSync(join(place, "cache"), { recursive: true });
  for (const name of ["uv", "pip"]) symlinkSync(join(CACHE, name), join(place, "cache", name));
  for (const { path, bytes } of loadPlugin("hello", { "tools/greet.py": code("Hello"), ...changes })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  const daemon = await startDebugDaemon({ env: { PLUGIN_MAX_EXECUTION_TIMEOUT: "5" } });
  const dev = startDevCommand({
    folder,
    args: ["--url", daemon.url, "--key", daemon.key, "--tenant", TENANT],
    env: { XDG_CACHE_HOME: join(place, "cache") },
  });
  const request = (name: string) =>
    daemon.api.request(`/plugin/${TENANT}/dispatch/tool/invoke`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": "plugd-test/hello" },
      body: JSON.stringify({
        user_id: "u",
        data: { provider: "hello", tool: "greet", tool_parameters: { name }, credentials: {} },
      }),
    });
  await dev.shows(/ready /, 120_000);
  return {
    daemon,
    dev,
    request,
    ask: async (name: string) => readCall(await request(name)),
    async [Symbol.asyncDispose]() {
      await dev[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

function textOf({ items }: CallAnswer): unknown {
  return (items as { message: { text: string } }[]).map((item) => item.message.text).join("|");
}

describe.skipIf(why !== "")(`plugin dev with the SDK${why}`, () => {
  test("answers with what was saved; broken code is shown and told, open calls end, a declaration is registered anew", async () => {
    using folder = temporaryFolder();
    await using made = await setUp(folder.path);
    const { dev, daemon, ask, request } = made;
    expect(textOf(await ask("you"))).toBe("Hello you");

    const open = await request("wait");
    dev.save("tools/greet.py", code("Good day"));
    expect((await readCall(open)).failure).toMatchObject({ error_type: "PluginRestartedError" });
    // It waits for the new process.
    expect(textOf(await ask("you"))).toBe("Good day you");
    await dev.shows(/ready /);

    dev.save("tools/greet.py", "def broken(:\n");
    await dev.shows(/stderr .*SyntaxError/);
    await dev.shows(/broken it exited with 1/);
    expect((await ask("you")).failure).toMatchObject({
      error_type: "PluginNotRunningError",
      message: expect.stringContaining("SyntaxError"),
    });
    dev.save("tools/greet.py", code("Mended"));
    await dev.shows(/ready /);
    expect(textOf(await ask("you"))).toBe("Mended you");

    dev.save(
      "tools/greet.yaml",
      (await Bun.file(join(folder.path, "plugin/tools/greet.yaml")).text()).replace(
        "label: {en_US: Greet}",
        "label: {en_US: Greet all}",
      ),
    );
    await until("the tool has its new label", async () => {
      const { data } = await readAnswer(
        await daemon.api.request(`/plugin/${TENANT}/management/tools?page=1&page_size=10`, {}),
      );
      return JSON.stringify(data).includes("Greet all");
    });
    expect(textOf(await ask("you"))).toBe("Mended you");
  });

  test("stands at a breakpoint of plugd_debug, goes on, and reloads when an operator asks", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "plugin"));
    expect((await author(["plugin", "debug", "plugin"], { cwd: folder.path })).code).toBe(0);
    await using made = await setUp(folder.path, {
      "tools/greet.py": code("Hello").replace(
        "        yield self",
        "        import plugd_debug; plugd_debug.plugd_breakpoint()\n        yield self",
      ),
    });
    const { daemon, dev, ask } = made;
    await using events = await watchPluginEvents(daemon, "plugd-test/hello");
    const tell = async (what: string) =>
      (
        await daemon.api.request(`/plugin/${TENANT}/debugging/${what}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ plugin_id: "plugd-test/hello" }),
        })
      ).status;
    const answer = ask("you");
    const began = performance.now();
    expect(await events.next("breakpoint")).toMatchObject({
      file: "tools/greet.py",
      variables: { name: "you" },
    });
    await dev.shows(/pause {2}tools\/greet\.py:7\n {4}self = .*\n {4}tool_parameters = \{"name":"you"\}/);
    await until("the limit is over", () => performance.now() - began > 6000, { everyMs: 100 });
    expect(await tell("continue")).toBe(200);
    expect(textOf(await answer)).toBe("Hello you");
    expect(await tell("reload")).toBe(200);
    await dev.shows(/change asked to reload/);
    await dev.shows(/ready /);
  });
});
