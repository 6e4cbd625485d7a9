import { join, resolve } from "node:path";
import type { StartFacts } from "./cli/cli-deps.ts";
import type { Config } from "./config/config.ts";
import type { DaemonOptions } from "./daemon.ts";
import { parseConfig } from "./config/parse-config.ts";
import type { LocalRuntimeSettings } from "./runtime/local/local-runtime.ts";
import { memoryLimitOf } from "./runtime/local/memory-limit.ts";
import { createInterpreterFinder } from "./runtime/local/python/find-interpreters.ts";
import { createUvFinder } from "./runtime/local/python/find-uv.ts";
import type { LocalSettings } from "./runtime/local/settings.ts";
import { createTools } from "./runtime/local/tools.ts";
import type { AuthorSettings } from "./service/author/author-settings.ts";

const TOOL_TIMEOUT_MS = 10 * 60_000;
const TERM_GRACE_MS = 3000;

/** What preparing plugins depends on, out of the configuration. */
export function localSettings(
  { settings: { config }, env, execPath }: Pick<DaemonOptions, "settings" | "env" | "execPath">,
  { dataPath }: { readonly dataPath: string },
): LocalSettings {
  return {
    workingPath: resolve(config.PLUGIN_WORKING_PATH ?? join(dataPath, "cwd")),
    envsPath: join(dataPath, "envs"),
    cachePath: join(dataPath, "cache"),
    bunPath: execPath,
    interpreterPath: config.PYTHON_INTERPRETER_PATH,
    uvPath: config.UV_PATH,
    installPython: true,
    ignoreUvLock: config.PLUGIN_IGNORE_UV_LOCK,
    mirrorUrl: config.PIP_MIRROR_URL,
    pipExtraArgs: words(config.PIP_EXTRA_ARGS),
    pipVerbose: config.PIP_VERBOSE,
    compileExtraArgs: words(config.PYTHON_COMPILE_ALL_EXTRA_ARGS),
    toolInactivityMs: config.PYTHON_ENV_INIT_TIMEOUT * 1000,
    toolTimeoutMs: TOOL_TIMEOUT_MS,
    runnerCommands: config.PLUGD_RUNNER_COMMANDS,
    envPassthrough: config.PLUGIN_ENV_PASSTHROUGH,
    proxies: { http: config.HTTP_PROXY, https: config.HTTPS_PROXY, no: config.NO_PROXY },
    hostEnv: env,
  };
}

/** What running plugins depends on, out of the configuration. */
export function runtimeSettings(config: Config): LocalRuntimeSettings {
  return {
    maxLineBytes: config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE,
    budgetBytes: config.PLUGD_PLUGIN_BUFFER_BYTES,
    stallMs: config.PLUGD_STALL_TIMEOUT * 1000,
    startTimeoutMs: config.PLUGD_START_TIMEOUT * 1000,
    silenceMs: config.PLUGD_SILENCE_TIMEOUT * 1000,
    termGraceMs: TERM_GRACE_MS,
    startWaitMs: config.PLUGD_START_WAIT * 1000,
    drainMs: config.PLUGIN_MAX_EXECUTION_TIMEOUT * 1000,
    memoryLimit: (declaredBytes) => memoryLimitOf(declaredBytes, config.PLUGIN_MEMORY_FLOOR),
  };
}

/**
 * The same for the commands of plugin authors: what is made goes below `folder`, and downloads are shared with the
 * user's own uv and pip. Throws where a variable cannot be used.
 */
export function authorSettings(
  { env, execPath }: Pick<DaemonOptions, "env" | "execPath">,
  { folder }: { readonly folder: string },
): AuthorSettings {
  const settings = parseConfig(env);
  const local = localSettings({ settings, env, execPath }, { dataPath: folder });
  const home = env["HOME"];
  const cachePath = env["XDG_CACHE_HOME"] || (home ? join(home, ".cache") : local.cachePath);
  return {
    local: { ...local, workingPath: join(folder, "cwd"), cachePath },
    runtime: runtimeSettings(settings.config),
  };
}

/** Looks for interpreters and uv, for the banner. */
export async function readFacts(
  settings: LocalSettings,
  signal: AbortSignal,
): Promise<Pick<StartFacts, "interpreters" | "uv">> {
  const tools = createTools(settings);
  const finder = createInterpreterFinder(settings, { tools, installPath: join(settings.envsPath, "python") });
  const candidates = await finder.find(signal);
  const interpreters = candidates.flatMap(({ interpreter }) =>
    interpreter ? [{ version: interpreter.version, path: interpreter.path }] : [],
  );
  const path = await createUvFinder(settings, tools).find(candidates, signal);
  if (path === undefined) return { interpreters, uv: null };
  const { stdout } = await tools.run([path, "--version"], { cwd: "/", signal });
  return { interpreters, uv: { version: stdout.trim().replace(/^uv /, ""), path } };
}

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
