import { type BenchDaemon, dispatchUrl, startBenchDaemon } from "./daemon.ts";
import type { LoadTarget } from "./load.ts";
import { packPlugin, readPluginFile } from "./plugin-folder.ts";
import { findPluginProcess, type ProcessStart } from "./plugin-process.ts";
import type { Scope } from "./scope.ts";

/** A data folder with plugins of the real SDK that are installed, were never called, and do not run. */
export interface SdkStand {
  /** The plugins by number. */
  readonly plugins: readonly number[];
  start(port?: number): Promise<BenchDaemon>;
  /** A call that is answered with two texts. */
  target(daemon: BenchDaemon, plugin: number): LoadTarget;
  /** What the plugin gets for such a call, without the session. */
  readonly request: Readonly<Record<string, unknown>>;
  /** How the daemon runs it; throws when it does not. */
  processOf(plugin: number): ProcessStart;
}

const PLUGIN = "sdk-plugin";
const CALL = {
  provider: "sdk",
  tool: "answer",
  credentials: {},
  credential_type: "api-key",
  tool_parameters: {},
};

/** Rejects with what the daemon says where it finds no Python or cannot reach a package index. */
export async function createSdkStand(
  scope: Scope,
  { program, count }: { readonly program: string; readonly count: number },
): Promise<SdkStand> {
  const folder = await scope.folder();
  const plugins = Array.from({ length: count }, (_, index) => index);
  const start = (port?: number) =>
    startBenchDaemon(scope, { program, folder, ...(port !== undefined && { port }) });
  const daemon = await start();
  const install = async (plugin: number) => daemon.install(await packNumbered(plugin));
  // The first one builds the environment that all of them share.
  await install(0);
  await Promise.all(plugins.slice(1).map(install));
  await daemon.stop();
  return {
    plugins,
    start,
    target: (running, plugin) => ({
      url: dispatchUrl(running.url, "/tool/invoke"),
      headers: { ...running.headers, "x-plugin-id": `plugd-bench/${nameOf(plugin)}` },
      body: JSON.stringify({ user_id: "bench", data: CALL }),
    }),
    request: { ...CALL, user_id: "bench", type: "tool", action: "invoke_tool" },
    processOf: (plugin) => findPluginProcess(folder, nameOf(plugin)),
  };
}

function nameOf(plugin: number): string {
  return `sdk-${plugin}`;
}

function packNumbered(plugin: number): Promise<Uint8Array<ArrayBuffer>> {
  const manifest = readPluginFile(PLUGIN, "manifest.yaml").replace("name: sdk", `name: ${nameOf(plugin)}`);
  return packPlugin(PLUGIN, { "manifest.yaml": manifest });
}
