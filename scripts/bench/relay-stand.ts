import { join } from "node:path";
import { readLines } from "../../src/cli/lines.ts";
import { type BenchDaemon, dispatchUrl, startBenchDaemon } from "./daemon.ts";
import type { LoadTarget } from "./load.ts";
import { packPlugin, pluginFolder } from "./plugin-folder.ts";
import { findPluginProcess } from "./plugin-process.ts";
import type { Scope } from "./scope.ts";

/** The same plugin behind a daemon and behind the bare relay, each with a process of its own. */
export interface RelayStand {
  readonly daemon: BenchDaemon;
  readonly barePid: number;
  tool(parameters: ToolParameters): { readonly bare: LoadTarget; readonly plugd: LoadTarget };
  llm(parameters: Omit<ToolParameters, "size">): { readonly bare: LoadTarget; readonly plugd: LoadTarget };
}

export interface ToolParameters {
  /** Items of each call. */
  readonly count: number;
  /** Characters of an item. */
  readonly size: number;
  readonly delay_ms?: number;
}

const PLUGIN = "relay-plugin";
const PLUGIN_ID = "plugd-bench/relay";

/** Rejects with what the daemon says where it finds no Python; the bare relay runs on the one that it finds. */
export async function createRelayStand(scope: Scope, program: string): Promise<RelayStand> {
  const folder = await scope.folder();
  const daemon = await startBenchDaemon(scope, { program, folder });
  await daemon.install(await packPlugin(PLUGIN));
  const [python] = findPluginProcess(folder, "relay").argv;
  if (python === undefined) throw new Error("Cannot tell which Python the daemon runs plugins with");

  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "bare-relay.ts"), pluginFolder(PLUGIN), python],
    {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  scope.adopt(child);
  const { value: port } = await readLines(child.stdout).next();
  if (port === undefined) throw new Error("The bare relay did not start");

  const target = (
    action: string,
    data: unknown,
  ): { readonly bare: LoadTarget; readonly plugd: LoadTarget } => {
    const call = {
      headers: { ...daemon.headers, "x-plugin-id": PLUGIN_ID },
      body: JSON.stringify({ user_id: "bench", data }),
    };
    return {
      bare: { ...call, url: dispatchUrl(`http://127.0.0.1:${port}`, action) },
      plugd: { ...call, url: dispatchUrl(daemon.url, action) },
    };
  };
  return {
    daemon,
    barePid: child.pid,
    tool: (parameters) =>
      target("/tool/invoke", {
        provider: "relay",
        tool: "emit",
        credentials: {},
        credential_type: "api-key",
        tool_parameters: parameters,
      }),
    llm: (parameters) =>
      target("/llm/invoke", {
        provider: "relay",
        model_type: "llm",
        model: "bench",
        credentials: {},
        model_parameters: parameters,
        prompt_messages: [{ role: "user", content: "Tell me a long story" }],
        stream: true,
      }),
  };
}
