import type { HostEnvironment, ProxySettings } from "./clean-environment.ts";

/** Everything that preparing a plugin on this machine depends on. Paths are absolute, times in milliseconds. */
export interface LocalSettings {
  /** `PLUGIN_WORKING_PATH`: the unpacked packages, which are also where the processes run. */
  readonly workingPath: string;
  /** Python environments with their records, remembered resolutions, and interpreters that uv installed. */
  readonly envsPath: string;
  /** Downloads and built wheels of uv, pip and bun, for all plugins. Best on the file system of `envsPath`. */
  readonly cachePath: string;
  /** The program that runs TypeScript plugins: this one (`BUN_BE_BUN=1`). */
  readonly bunPath: string;
  /** `PYTHON_INTERPRETER_PATH`; if set it decides. */
  readonly interpreterPath: string | undefined;
  /** `UV_PATH`. */
  readonly uvPath: string | undefined;
  /** uv may fetch a Python when none on the machine will do. */
  readonly installPython: boolean;
  /** `PLUGIN_IGNORE_UV_LOCK`. */
  readonly ignoreUvLock: boolean;
  /** `PIP_MIRROR_URL`, or what was detected. */
  readonly mirrorUrl: string | undefined;
  /** `PIP_EXTRA_ARGS`, split. */
  readonly pipExtraArgs: readonly string[];
  /** `PIP_VERBOSE`. */
  readonly pipVerbose: boolean;
  /** `PYTHON_COMPILE_ALL_EXTRA_ARGS`, split. */
  readonly compileExtraArgs: readonly string[];
  /** `PYTHON_ENV_INIT_TIMEOUT`: a tool that is silent for this long is ended. */
  readonly toolInactivityMs: number;
  /** No tool runs longer (the reference: 10 minutes). */
  readonly toolTimeoutMs: number;
  /** `PLUGD_RUNNER_COMMANDS`: programs of this machine that a `meta.runner.command` may name, as it names them. */
  readonly runnerCommands: readonly string[];
  /** `PLUGIN_ENV_PASSTHROUGH`: names, or prefixes that end in `*`. */
  readonly envPassthrough: readonly string[];
  readonly proxies: ProxySettings;
  /** The environment of the daemon; what plugins and tools get of it is chosen here. */
  readonly hostEnv: HostEnvironment;
}
