import { delimiter, dirname, join } from "node:path";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { RunStep } from "../../lib/step.ts";
import { pluginEnvironment } from "./clean-environment.ts";
import { fileFailure } from "./file-failure.ts";
import type { LanguageRunner, LaunchPlan, ReportStage } from "./prepare.ts";
import { compilePlugin } from "./python/compile-plugin.ts";
import { type DependencySource, readDependencySource } from "./python/dependency-source.ts";
import { environmentKey, type Resolution } from "./python/distribution.ts";
import { createEnvironments, type Environment } from "./python/environments.ts";
import { createInterpreterFinder } from "./python/find-interpreters.ts";
import { createUvFinder } from "./python/find-uv.ts";
import { forgetFolderState, readFolderState, writeFolderState } from "./python/folder-state.ts";
import type { InstallContext, Installer } from "./python/installer.ts";
import { listInstalled } from "./python/list-installed.ts";
import { createPipInstaller } from "./python/pip-installer.ts";
import { resolveDependencies } from "./python/resolve.ts";
import { isOldSdk, SDK_NAME, sdkFloor } from "./python/sdk-version.ts";
import { selectInterpreter } from "./python/select-interpreter.ts";
import { createUvInstaller } from "./python/uv-installer.ts";
import type { LocalSettings } from "./settings.ts";
import type { Tools } from "./tools.ts";

export interface PythonRunner extends LanguageRunner {
  /** Removes the environments that none of these folders runs in. */
  collect(listFolders: () => Promise<readonly string[]>): Promise<void>;
}

interface Options {
  readonly step: RunStep;
  readonly report: ReportStage;
  readonly signal: AbortSignal;
}

/**
 * Plugins in Python: an interpreter, the resolved set of distributions, the environment that holds it (shared by all
 * plugins with the same set), the plugin's own files compiled. What was prepared once is only looked at.
 */
export function createPythonRunner(
  settings: LocalSettings,
  deps: { readonly tools: Tools; readonly log: Logger; readonly step: RunStep },
): PythonRunner {
  const { tools, log } = deps;
  const lock = createKeyedLock();
  const installPath = join(settings.envsPath, "python");
  const environments = createEnvironments(settings.envsPath, { tools, lock });
  const interpreters = createInterpreterFinder(settings, { tools, installPath });
  const uv = createUvFinder(settings, tools);
  const pip = createPipInstaller({ settings, tools, lock });
  const chosenBy = JSON.stringify([settings.interpreterPath ?? "", settings.ignoreUvLock]);

  /** The environment of an earlier preparation by the same settings, if it still works. */
  async function openPrepared(folder: string, options: Options): Promise<Environment | undefined> {
    const state = await readFolderState(folder);
    if (!state?.compiled || state.settings !== chosenBy) return undefined;
    const environment = await environments.open(state.environment, options.signal);
    if (environment)
      options.report("environment", `Ready, with Python ${environment.record.interpreter.version}`);
    return environment;
  }

  async function install(plugin: Plugin, options: Options): Promise<Environment> {
    const { folder, identifier, declaration } = plugin;
    const { report, signal, step } = options;
    const source = await step("python.detect_dependency_file", () =>
      readDependencySource(folder, {
        ignoreLock: settings.ignoreUvLock,
        mirror: settings.mirrorUrl !== undefined,
      }),
    );
    report("environment", "Looking for a Python");
    const { interpreter, uvPath } = await step("python.prepare_uv", () =>
      selectInterpreter(needsOf(source, declaration.meta.runner.version), {
        settings,
        tools,
        interpreters,
        uv,
        installPath,
        label: identifier.text,
        report: (line) => report("environment", line),
        signal,
      }),
    );
    report("environment", `Python ${interpreter.version} at ${interpreter.path}`);
    const installer = uvPath === undefined ? pip : createUvInstaller(uvPath, { settings, tools });
    const context: InstallContext = {
      folder,
      interpreter,
      source,
      signal,
      report: (line) => report("dependencies", line),
      step,
    };
    report("dependencies", "Finding out what is needed");
    const resolution = await resolve(context, { installer, owner: identifier.text });
    const key = environmentKey(resolution, interpreter);
    const release = environments.hold(key);
    try {
      const environment = await environments.ensure(
        key,
        (path) => build(path, { resolution, context, installer }),
        {
          signal,
          onWait: () => report("dependencies", "Waiting for another installation of the same dependencies"),
        },
      );
      await writeFolderState(folder, { environment: key, settings: chosenBy, compiled: false });
      report("dependencies", `${environment.record.distributions.length} distributions are there`);
      report("compile", "Compiling the plugin");
      await step("python.precompile", () =>
        compilePlugin(folder, {
          python: environment.python,
          extra: settings.compileExtraArgs,
          tools,
          log,
          signal,
        }),
      );
      await writeFolderState(folder, { environment: key, settings: chosenBy, compiled: true });
      return environment;
    } finally {
      release();
    }
  }

  /** Without uv nobody can install from a lock that only uv reads; what the project asks for is the next best. */
  async function resolve(
    context: InstallContext,
    how: { readonly installer: Installer; readonly owner: string },
  ): Promise<Resolution> {
    const resolution = await resolveDependencies(context, { settings, ...how });
    if (!resolution.syncOnly || how.installer !== pip) return resolution;
    log.warn("The plugin's uv.lock needs uv, which is not there; its dependencies are looked up anew", {
      plugin: how.owner,
    });
    const source = await readDependencySource(context.folder, { ignoreLock: true, mirror: false });
    return resolveDependencies({ ...context, source }, { settings, ...how });
  }

  async function build(
    path: string,
    what: {
      readonly resolution: Resolution;
      readonly context: InstallContext;
      readonly installer: Installer;
    },
  ) {
    const { resolution, context, installer } = what;
    context.report(`Installing ${resolution.pins.length} distributions with ${installer.name}`);
    await installer.build(path, resolution, context);
    const { path: python, version, platform } = context.interpreter;
    return {
      interpreter: { path: python, version, platform },
      distributions: resolution.syncOnly
        ? await listInstalled(join(path, "bin/python"), { tools, signal: context.signal })
        : resolution.pins.map(({ name, version, source }) => ({ name, version, source })),
      installer: installer.name,
    };
  }

  function warnOfOldSdk({ record }: Environment, plugin: string): void {
    const sdk = record.distributions.find(({ name }) => name === SDK_NAME);
    if (sdk && isOldSdk(sdk.version))
      log.warn(
        "The plugin uses an old SDK that leaks memory and reads its input slowly; ask its author for an update",
        {
          plugin,
          sdk: sdk.version,
        },
      );
  }

  function launchPlan({ folder, declaration }: Plugin, environment: Environment): LaunchPlan {
    const env = pluginEnvironment(settings.hostEnv, {
      proxies: settings.proxies,
      passthrough: settings.envPassthrough,
    });
    const path = [dirname(environment.python), env["PATH"]].filter(Boolean).join(delimiter);
    return {
      argv: [environment.python, "-m", declaration.meta.runner.entrypoint],
      cwd: folder,
      env: { ...env, PATH: path },
    };
  }

  return {
    languages: ["python"],
    async prepare(plugin, given) {
      try {
        const environment = await deps.step("python.init_env", async (step) => {
          const options = { ...given, step };
          const there = await step("python.check_venv", () => openPrepared(plugin.folder, options));
          return there ?? install(plugin, options);
        });
        warnOfOldSdk(environment, plugin.identifier.text);
        return launchPlan(plugin, environment);
      } catch (error) {
        const action = `Cannot prepare the environment of plugin "${plugin.identifier.text}"`;
        throw fileFailure(error, { action, folder: settings.envsPath });
      }
    },
    forget: forgetFolderState,
    collect: (listFolders) =>
      environments.collect(async () => {
        const states = await Promise.all((await listFolders()).map(readFolderState));
        return new Set(states.flatMap((state) => state?.environment ?? []));
      }),
  };
}

type Plugin = Parameters<LanguageRunner["prepare"]>[0];

function needsOf(source: DependencySource, manifestVersion: string) {
  return { manifestVersion, requiresPython: source.requiresPython, sdkFloor: sdkFloor(source.requirements) };
}
