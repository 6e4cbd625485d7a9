/** A plugin with the published SDK that its developer runs himself. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import { freePort } from "../support/daemon.ts";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { debugKey } from "../support/debug-client.ts";
import { debugConnections } from "../support/debug-daemon.ts";
import { until } from "../support/processes.ts";
import { findSdkTools, startSdkDaemon } from "../support/sdk-daemon.ts";
import { type Developer, type DeveloperOptions, pythonOf, startDeveloper } from "../support/sdk-developer.ts";

setDefaultTimeout(240_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

const TOOL = `import time
from dify_plugin import Tool

class GreetTool(Tool):
    def _invoke(self, tool_parameters):
        name = tool_parameters["name"]
        if name == "slow":
            for n in range(40):
                yield self.create_text_message(f"part {n}")
                time.sleep(0.05)
        elif name == "store":
            self.session.storage.set("greeted", "é kept".encode())
            yield self.create_text_message(self.session.storage.get("greeted").decode())
        elif name == "fail":
            raise ValueError("no greeting")
        else:
            yield self.create_text_message(f"Debugged {name}")
`;

/** The version under work asks for more than the one that is installed. */
const MANIFEST = readFileSync(
  join(import.meta.dir, "../fixtures/plugins/hello/manifest.yaml"),
  "utf8",
).replace("tool: {enabled: true}", "tool: {enabled: true}, storage: {enabled: true, size: 1048576}");

describe.skipIf(why !== "")(`a developer with the SDK${why}`, () => {
  test("registers, is called in place of what is installed, and comes back to a daemon that was restarted", async () => {
    const port = freePort();
    const dataDir = mkdtempSync(join(tmpdir(), "plugd-sdk-debug-"));
    const env = {
      PLUGIN_REMOTE_INSTALLING_ENABLED: "true",
      PLUGIN_REMOTE_INSTALLING_PORT: String(port),
      PLUGD_DEBUG_GRACE: "30s",
    };
    const greet = (name: string) => ({
      path: "/tool/invoke",
      data: { provider: "hello", tool: "greet", tool_parameters: { name }, credentials: {} },
    });
    const texts = (items: readonly unknown[]) =>
      (items as { message: { text: string } }[]).map((item) => item.message.text);
    try {
      let pluginId: string;
      let developer: Developer;
      let work: DeveloperOptions;
      {
        await using daemon = await startSdkDaemon({ dataDir, env });
        const installed = await daemon.add("hello");
        ({ pluginId } = installed);
        expect(texts((await daemon.ask(pluginId, greet("you"))).items)[0]).toBe("Hello you");
        work = {
          files: loadPlugin("hello", { "tools/greet.py": TOOL, "manifest.yaml": MANIFEST }),
          python: pythonOf(daemon),
          port,
          key: await debugKey(daemon.api),
        };
        developer = startDeveloper(work);
        await until(
          "the developer's plugin is registered",
          async () => (await debugConnections(daemon)) === 1,
          {
            withinMs: 30_000,
          },
        );

        const asked = await daemon.ask(pluginId, greet("you"));
        expect(texts(asked.items)).toEqual(["Debugged you"]);
        expect(texts((await daemon.ask(pluginId, greet("store"))).items)).toEqual(["é kept"]);
        expect((await daemon.ask(pluginId, greet("fail"))).failure).toMatchObject({
          error_type: "ValueError",
          message: "no greeting",
        });
        const stream = await daemon.stream(pluginId, greet("slow"));
        const closing = daemon.close();
        const { items, failure } = await readCall(stream);
        // A daemon that leaves lets open calls end.
        expect([items.length, failure]).toEqual([40, undefined]);
        await closing;
      }
      using _ = developer;
      await using daemon = await startSdkDaemon({ dataDir, env });
      expect(texts((await daemon.ask(pluginId, greet("you"))).items)[0]).toBe("Hello you");
      await until("the developer's plugin is back", async () => (await debugConnections(daemon)) === 1, {
        withinMs: 30_000,
      });
      expect(texts((await daemon.ask(pluginId, greet("again"))).items)).toEqual(["Debugged again"]);

      // Killed and run anew, as after an edit: a call that is made meanwhile waits for it.
      const before = (await daemon.api.installations(TENANT))[0]?.id;
      developer.kill();
      await until("the connection is gone", async () => (await debugConnections(daemon)) === 0);
      const waiting = daemon.ask(pluginId, greet("later"));
      using again = startDeveloper(work);
      expect(texts((await waiting).items)).toEqual(["Debugged later"]);
      expect((await daemon.api.installations(TENANT))[0]?.id).toBe(before ?? "");
      again.kill();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
