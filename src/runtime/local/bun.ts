import { readdir, rm, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { succeeded } from "../../lib/run-command.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { pluginEnvironment } from "./clean-environment.ts";
import { fileFailure } from "./file-failure.ts";
import type { LanguageRunner, ReportStage } from "./prepare.ts";
import { PLUGIN_MODULE, writePluginModule } from "./plugin-module.ts";
import type { LocalSettings } from "./settings.ts";
import type { Tools } from "./tools.ts";
import { PRIVATE_FOLDER } from "./working-folder.ts";

const PackageJson = Type.Object({
  dependencies: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  optionalDependencies: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** Endings that `entrypoint: main` may stand for, in this order. */
const ENDINGS = ["", ".ts", ".js", ".mjs", ".tsx", ".cjs"];
/** A package's bunfig (with its preloads) and `.env` are its developer's; nothing is fetched while a plugin runs. */
const ISOLATED = ["--config=/dev/null", "--no-env-file"];
const MARKER = join(PRIVATE_FOLDER, "node-modules.json");

/** Plugins in TypeScript and JavaScript, run by this very program, so that they need nothing on the machine. */
export function createBunRunner(
  settings: Pick<LocalSettings, "bunPath" | "cachePath" | "envPassthrough" | "hostEnv" | "proxies">,
  tools: Tools,
): LanguageRunner {
  /**
   * Installs what package.json asks for, unless the package brings its `node_modules`. The marker is there from the
   * beginning, so that a half-made folder is not mistaken for one that was brought along.
   */
  async function installDependencies(
    folder: string,
    options: { readonly report: ReportStage; readonly signal: AbortSignal },
  ): Promise<void> {
    if (!(await hasDependencies(folder))) return;
    const modules = join(folder, "node_modules");
    const marker = Bun.file(join(folder, MARKER));
    const marked = (await marker.exists()) ? await marker.text() : undefined;
    if ((await exists(modules)) && (marked === undefined || marked === "complete")) return;
    await writeFileAtomic(join(folder, MARKER), "started");
    await rm(modules, { recursive: true, force: true });
    const locked = (await exists(join(folder, "bun.lock"))) || (await exists(join(folder, "bun.lockb")));
    const flags = ["--production", "--no-progress", "--no-save", ...(locked ? ["--frozen-lockfile"] : [])];
    const result = await tools.run([settings.bunPath, "install", ...ISOLATED, ...flags], {
      cwd: folder,
      signal: options.signal,
      report: (line) => options.report("dependencies", line),
      env: { BUN_BE_BUN: "1", BUN_INSTALL_CACHE_DIR: join(settings.cachePath, "bun"), NO_COLOR: "1" },
    });
    if (!succeeded(result)) {
      await rm(modules, { recursive: true, force: true });
      throw tools.failure("failed to install dependencies", result);
    }
    await writeFileAtomic(join(folder, MARKER), "complete");
  }

  return {
    languages: ["typescript", "javascript"],
    async forget(folder) {
      const marker = join(folder, MARKER);
      const modules = await readdir(join(folder, "node_modules")).catch(() => []);
      // Modules that were brought along have no marker, and stay; ours alone is none of them.
      if ((await Bun.file(marker).exists()) || modules.every((name) => name === PLUGIN_MODULE))
        await writeFileAtomic(marker, "started");
    },
    async prepare({ folder, declaration, identifier }, options) {
      const entry = await findEntry(folder, declaration.meta.runner.entrypoint);
      try {
        options.report("dependencies", "Looking for dependencies");
        await installDependencies(folder, options);
        // Behind them: a folder that was there before would look like one that the package brings.
        await writePluginModule(folder);
      } catch (error) {
        throw fileFailure(error, {
          action: `Cannot install the dependencies of plugin "${identifier.text}"`,
          folder,
        });
      }
      return {
        argv: [settings.bunPath, ...ISOLATED, "--no-install", entry],
        cwd: folder,
        env: {
          ...pluginEnvironment(settings.hostEnv, {
            proxies: settings.proxies,
            passthrough: settings.envPassthrough,
          }),
          BUN_BE_BUN: "1",
        },
      };
    },
  };
}

async function findEntry(folder: string, entrypoint: string): Promise<string> {
  for (const ending of ENDINGS) {
    const path = resolve(folder, `${entrypoint}${ending}`);
    if (path.startsWith(folder + sep) && (await Bun.file(path).exists())) return path;
  }
  throw new DaemonError(
    "bad_request",
    `Cannot find the plugin's entry point "${entrypoint}" (tried .ts, .js, .mjs)`,
    {
      hint: "Set meta.runner.entrypoint in the manifest to a file of the package",
    },
  );
}

async function hasDependencies(folder: string): Promise<boolean> {
  const file = Bun.file(join(folder, "package.json"));
  if (!(await file.exists())) return false;
  let value: unknown;
  try {
    value = await file.json();
  } catch (cause) {
    throw new DaemonError("bad_request", "Cannot read the plugin's package.json: it is not JSON", { cause });
  }
  if (!Value.Check(PackageJson, value)) return false;
  return Object.keys({ ...value.dependencies, ...value.optionalDependencies }).length > 0;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
