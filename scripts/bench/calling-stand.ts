import { join } from "node:path";
import { readLines } from "../../src/cli/lines.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { CallingParameters, CallingResult } from "./calling-plugin/main.ts";
import { type BenchDaemon, dispatchUrl, startBenchDaemon } from "./daemon.ts";
import type { LoadTarget } from "./load.ts";
import { packPlugin, pluginFolder } from "./plugin-folder.ts";
import type { Scope } from "./scope.ts";

/** Calls back of one run, in all and per second. */
export type RunCalls = (parameters: CallingParameters) => Promise<number>;

/** A plugin that calls back, behind a daemon and behind the least that can serve it; both ask the same platform. */
export interface CallingStand {
  readonly plugd: RunCalls;
  /** Only for calls that ask the platform. */
  readonly bare: RunCalls;
  /** Answered with one text, without calls back. */
  readonly text: LoadTarget;
  /** A hook that is answered with its own body. */
  readonly hook: LoadTarget;
}

const PLUGIN = "calling-plugin";
const PLUGIN_ID = "plugd-bench/calling";
const RUN_LIMIT_MS = 120_000;
const HOOK_BODY = "y".repeat(32);

export async function createCallingStand(scope: Scope, program: string): Promise<CallingStand> {
  const platform = await startPlatform(scope);
  const env = { DIFY_INNER_API_URL: platform, DIFY_INNER_API_KEY: "bench" };
  const daemon = await startBenchDaemon(scope, { program, folder: await scope.folder(), env });
  const identifier = await daemon.install(await packPlugin(PLUGIN));
  const target = (parameters: CallingParameters): LoadTarget => ({
    url: dispatchUrl(daemon.url, "/tool/invoke"),
    headers: { ...daemon.headers, "x-plugin-id": PLUGIN_ID },
    body: JSON.stringify({
      user_id: "bench",
      data: {
        provider: "calling",
        tool: "call",
        credentials: {},
        credential_type: "api-key",
        tool_parameters: parameters,
      },
    }),
  });
  return {
    async plugd(parameters) {
      const { url, headers, body } = target(parameters);
      const signal = AbortSignal.timeout(RUN_LIMIT_MS);
      const response = await fetch(url, { method: "POST", headers, body, proxy: false, signal });
      return callsPerSecond(await response.text(), parameters);
    },
    bare: startBare(scope, platform),
    text: target({ kind: "text" }),
    hook: {
      url: `${daemon.url}/e/${await setUpHook(daemon, identifier)}/echo`,
      headers: { "content-type": "text/plain" },
      body: HOOK_BODY,
      expected: HOOK_BODY,
    },
  };
}

async function startPlatform(scope: Scope): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "platform.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.adopt(child);
  const { value: port } = await readLines(child.stdout).next();
  if (port === undefined) throw new Error("The platform did not start");
  return `http://127.0.0.1:${port}`;
}

function startBare(scope: Scope, platform: string): RunCalls {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "bare-calls.ts"), pluginFolder(PLUGIN), platform],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  scope.adopt(child);
  const lines = readLines(child.stdout);
  return async (parameters) => {
    await child.stdin.write(`${JSON.stringify(parameters)}\n`);
    await child.stdin.flush();
    const { value } = await withDeadline(lines.next(), { what: "The bare calls back", ms: RUN_LIMIT_MS });
    return callsPerSecond(value ?? "", parameters);
  };
}

/** Throws when a call back failed that should not have: a figure of failures is none. */
function callsPerSecond(answer: string, { kind, calls = 1 }: CallingParameters): number {
  const result = /\{"seconds":.*?\}/.exec(answer)?.[0];
  if (result === undefined) throw new Error(`The plugin did not answer: ${answer.slice(0, 500)}`);
  const { seconds, errors, sample } = JSON.parse(result) as CallingResult;
  if (errors !== (kind === "refused" ? calls : 0))
    throw new Error(`${errors} of ${calls} calls back (${kind}) failed: ${sample}`);
  return calls / seconds;
}

/** Answers its id. */
async function setUpHook(daemon: BenchDaemon, identifier: string): Promise<string> {
  const endpoint = { plugin_unique_identifier: identifier, user_id: "bench", name: "echo", settings: {} };
  await daemon.post("endpoint/setup", endpoint);
  const hook = /"hook_id":"(\w+)"/.exec(
    JSON.stringify(await daemon.get("endpoint/list", { page: "1", page_size: "1" })),
  )?.[1];
  if (hook === undefined) throw new Error("The hook was not set up");
  return hook;
}
