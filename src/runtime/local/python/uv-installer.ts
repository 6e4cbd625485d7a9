import { join } from "node:path";
import { type CommandResult, succeeded } from "../../../lib/run-command.ts";
import type { LocalSettings } from "../settings.ts";
import { isNetworkFailure } from "../tool-failure.ts";
import type { Tools } from "../tools.ts";
import { parsePins, type Pin, pinnedText, type Resolution } from "./distribution.ts";
import { indexArguments, uvEnvironment } from "./find-uv.ts";
import { FAILED_TO_CREATE, FAILED_TO_INSTALL, type InstallContext, type Installer } from "./installer.ts";

/** Installs with uv. */
export function createUvInstaller(
  uvPath: string,
  options: { readonly settings: LocalSettings; readonly tools: Tools },
): Installer {
  const { settings, tools } = options;
  const index = indexArguments(settings);

  function run(args: readonly string[], context: InstallContext, env?: Readonly<Record<string, string>>) {
    return tools.run([uvPath, ...args], {
      cwd: context.folder,
      signal: context.signal,
      env: { ...uvEnvironment(settings, context.source.configuresUv), ...env },
      report: context.report,
      resultOnStdout: args[1] === "compile",
    });
  }

  /** Once more from the cache when the index cannot be reached: what is pinned there may be all that is needed. */
  async function runOrOffline(args: readonly string[], context: InstallContext): Promise<CommandResult> {
    const result = await run(args, context);
    if (succeeded(result) || !couldBeOffline(result)) return result;
    context.report("The package index cannot be reached; trying what is in the cache");
    const offline = await run([...args, "--offline"], context);
    return succeeded(offline) ? offline : result;
  }

  async function sync(path: string, context: InstallContext): Promise<CommandResult> {
    const verbose = settings.pipVerbose ? ["-v"] : [];
    const args = ["sync", "--frozen", "--no-dev", "--no-install-project", "--compile-bytecode", ...verbose];
    return run([...args, "--python", context.interpreter.path, ...index], context, {
      UV_PROJECT_ENVIRONMENT: path,
    });
  }

  return {
    name: "uv",
    async resolve(file, context) {
      const args = [
        "pip",
        "compile",
        file,
        "--python",
        context.interpreter.path,
        "--no-header",
        "--no-annotate",
        ...index,
      ];
      let result = await runOrOffline(args, context);
      // Old packages ask for pre-releases of what their dependencies need; uv says so, pip just takes them.
      if (!succeeded(result) && /pre-?release/i.test(result.stderr) && result.end.kind === "exited")
        result = await runOrOffline([...args, "--prerelease", "allow"], context);
      if (!succeeded(result)) throw tools.failure(FAILED_TO_INSTALL, result);
      return parsePins(result.stdout).map((pin) => withHashes(pin, context));
    },
    async build(path, resolution, context) {
      await context.step("python.create_venv", async () => {
        const args = ["venv", path, "--python", context.interpreter.path, "--no-project"];
        const created = await run(args, context);
        if (!succeeded(created)) throw tools.failure(FAILED_TO_CREATE, created);
      });
      if (resolution.pins.length === 0 && !resolution.syncOnly) return;
      await context.step("python.install_deps", () => install(path, { resolution, context }));
    },
  };

  async function install(
    path: string,
    { resolution, context }: { readonly resolution: Resolution; readonly context: InstallContext },
  ): Promise<void> {
    const installed = resolution.syncOnly
      ? await sync(path, context)
      : await runOrOffline(await installArguments(path, resolution), context);
    if (succeeded(installed)) return;
    // What a lock names exactly may not be found by name and version, as in an index that needs its own settings.
    const again =
      context.source.from.kind === "lock" && !resolution.syncOnly && installed.end.kind === "exited";
    if (!again || isNetworkFailure(installed.stderr)) throw tools.failure(FAILED_TO_INSTALL, installed);
    context.report("Installing straight from uv.lock");
    const synced = await sync(path, context);
    if (!succeeded(synced)) throw tools.failure(FAILED_TO_INSTALL, synced);
  }

  async function installArguments(path: string, resolution: Resolution): Promise<string[]> {
    const file = join(path, "requirements.txt");
    await Bun.write(file, pinnedText(resolution));
    const verbose = settings.pipVerbose ? ["-v"] : [];
    const args = ["pip", "install", "--python", path, "--no-deps", "--compile-bytecode", ...index];
    return [...args, "-r", file, ...verbose];
  }
}

/** uv leaves out the hashes that a requirements file gives; they are checked when the pin is installed. */
function withHashes(pin: Pin, { source }: InstallContext): Pin {
  const hashes = source.requirements.filter(({ name }) => name === pin.name).flatMap((one) => one.hashes);
  return pin.name === "" || hashes.length === 0 ? pin : { ...pin, hashes };
}

function couldBeOffline(result: CommandResult): boolean {
  return result.end.kind === "inactive" || (result.end.kind === "exited" && isNetworkFailure(result.stderr));
}
