import { join } from "node:path";
import { isRecord } from "../../src/lib/is-record.ts";
import { type BenchDaemon, dispatchUrl, freePort, startBenchDaemon } from "./daemon.ts";
import type { LoadTarget } from "./load.ts";
import { packPlugin, readPluginFile } from "./plugin-folder.ts";
import type { ToolParameters } from "./relay-stand.ts";
import type { Scope } from "./scope.ts";

/** One plugin as a process in the SDK's dialect, as one in the plain dialect, and behind a debugging connection. */
export interface DialectStand {
  readonly daemon: BenchDaemon;
  /** The plugin that is held against the others. */
  readonly sdkPluginId: string;
  readonly sdk: ToolTarget;
  readonly plain: ToolTarget;
  /** In the SDK's dialect. */
  readonly debug: ToolTarget;
}

export type ToolTarget = (parameters: ToolParameters) => LoadTarget;

const PLUGIN = "dialect-plugin";
const SDK = "dialect-sdk";
const PLAIN = "dialect-plain";
const DEBUG = "dialect-debug";
const REGISTER_LIMIT_MS = 15_000;

export async function createDialectStand(scope: Scope, program: string): Promise<DialectStand> {
  const port = freePort();
  const daemon = await startBenchDaemon(scope, {
    program,
    folder: await scope.folder(),
    env: { PLUGIN_REMOTE_INSTALLING_ENABLED: "true", PLUGIN_REMOTE_INSTALLING_PORT: String(port) },
  });
  await daemon.install(await packPlugin(PLUGIN));
  const manifest = readPluginFile(PLUGIN, "manifest.yaml")
    .replace(SDK, PLAIN)
    .replace("runner: {", "runner: { protocol: plain,");
  await daemon.install(await packPlugin(PLUGIN, { "manifest.yaml": manifest }));
  await connectPlugin(scope, { daemon, port });
  const target =
    (name: string): ToolTarget =>
    (parameters) => ({
      url: dispatchUrl(daemon.url, "/tool/invoke"),
      headers: { ...daemon.headers, "x-plugin-id": pluginId(name) },
      body: JSON.stringify({
        user_id: "bench",
        data: {
          provider: "dialect",
          tool: "emit",
          credentials: {},
          credential_type: "api-key",
          tool_parameters: parameters,
        },
      }),
    });
  return {
    daemon,
    sdkPluginId: pluginId(SDK),
    sdk: target(SDK),
    plain: target(PLAIN),
    debug: target(DEBUG),
  };
}

function pluginId(name: string): string {
  return `plugd-bench/${name}`;
}

/** Resolves when the connection is in the list of plugins. */
async function connectPlugin(
  scope: Scope,
  { daemon, port }: { readonly daemon: BenchDaemon; readonly port: number },
): Promise<void> {
  const answer = await daemon.post("debugging/key", {});
  if (!isRecord(answer) || typeof answer["key"] !== "string") throw new Error("The daemon gave no key");
  const script = join(import.meta.dir, "debugged-plugin.ts");
  const child = Bun.spawn([process.execPath, script, String(port), answer["key"], DEBUG], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  scope.adopt(child);
  const until = performance.now() + REGISTER_LIMIT_MS;
  const query = { page: "1", page_size: "100" };
  while (!JSON.stringify(await daemon.get("management/list", query)).includes(pluginId(DEBUG))) {
    if (performance.now() > until || child.exitCode !== null)
      throw new Error("The debugging connection was not registered");
    await Bun.sleep(20);
  }
}
