import { constants } from "node:fs";
import { access, chmod } from "node:fs/promises";
import { isAbsolute, resolve, sep } from "node:path";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { pluginEnvironment } from "./clean-environment.ts";
import { fileFailure } from "./file-failure.ts";
import type { LaunchPlan } from "./prepare.ts";
import type { LocalSettings } from "./settings.ts";

export interface CommandRunner {
  /**
   * Finds the program of `meta.runner.command`. Rejects with `bad_request` where the package may not run it, and with
   * `unavailable` where this machine does not have it.
   */
  prepare(folder: string, command: readonly [string, ...string[]]): Promise<LaunchPlan>;
}

type Settings = Pick<LocalSettings, "runnerCommands" | "envPassthrough" | "hostEnv" | "proxies">;

/**
 * Plugins in any language: a program of the package, or one of the machine that an operator allows. It is started as it
 * stands there; no shell reads it.
 */
export function createCommandRunner(settings: Settings): CommandRunner {
  /** A path below the folder, or a name or an absolute path that is on the list. */
  async function find(folder: string, program: string): Promise<string> {
    if (program.includes("/") && !isAbsolute(program)) return findInPackage(folder, program);
    if (!settings.runnerCommands.includes(program))
      throw new DaemonError(
        "bad_request",
        `Cannot run meta.runner.command "${program}": it is not allowed here`,
        {
          hint: `Name a file of the package, such as ./plugin, or let the operator add "${program}" to PLUGD_RUNNER_COMMANDS`,
        },
      );
    const found = isAbsolute(program)
      ? program
      : Bun.which(program, { PATH: settings.hostEnv["PATH"] ?? "" });
    if (found === null || !(await isExecutable(found)))
      throw new DaemonError(
        "unavailable",
        `Cannot run meta.runner.command "${program}": this machine does not have it`,
        {
          hint: "Install it where the PATH of the daemon finds it",
        },
      );
    return found;
  }

  return {
    async prepare(folder, command) {
      const [program, ...rest] = command;
      try {
        const path = await find(folder, program);
        return {
          argv: [path, ...rest],
          cwd: folder,
          env: pluginEnvironment(settings.hostEnv, {
            proxies: settings.proxies,
            passthrough: settings.envPassthrough,
          }),
        };
      } catch (error) {
        throw fileFailure(error, { action: `Cannot prepare "${program}"`, folder });
      }
    },
  };
}

async function findInPackage(folder: string, program: string): Promise<string> {
  const path = resolve(folder, program);
  if (!path.startsWith(folder + sep))
    throw new DaemonError(
      "bad_request",
      `Cannot run meta.runner.command "${program}": it lies outside of the package`,
    );
  if (!(await Bun.file(path).exists()))
    throw new DaemonError(
      "bad_request",
      `Cannot run meta.runner.command "${program}": the package has no such file`,
    );
  // Packages hold no modes, and what is unpacked is not executable.
  if (!(await isExecutable(path))) await chmod(path, 0o755);
  return path;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
