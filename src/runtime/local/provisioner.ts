import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import type { Logger } from "../../lib/logger.ts";
import { type RunStep, runStep } from "../../lib/step.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import { readRunner } from "../../protocol/runner.ts";
import { createBunRunner } from "./bun.ts";
import { createCommandRunner } from "./command.ts";
import type { FolderProvisioner, LanguageRunner } from "./prepare.ts";
import { createPythonRunner } from "./python.ts";
import type { LocalSettings } from "./settings.ts";
import { createTools } from "./tools.ts";
import { createWorkingFolders, PRIVATE_FOLDER } from "./working-folder.ts";

export interface ProvisionerOptions {
  readonly settings: LocalSettings;
  readonly log: Logger;
  /** Follows how long the parts of a preparation take. */
  readonly step?: RunStep | undefined;
}

/**
 * Prepares plugins below the folders of the settings, of which it has to be the only user: unpacks, then leaves the
 * rest to the runner of the language.
 *
 * `prepare` rejects with the signal's reason, or with a `DaemonError`: `bad_request` where the package is to blame,
 * `unavailable` where the machine, the network or the package index is.
 */
export function createProvisioner(options: ProvisionerOptions): FolderProvisioner {
  const { settings, log, step = runStep } = options;
  const tools = createTools(settings);
  const folders = createWorkingFolders(settings.workingPath);
  const python = createPythonRunner(settings, { tools, log, step });
  const runners: readonly LanguageRunner[] = [python, createBunRunner(settings, tools)];
  const commands = createCommandRunner(settings);
  /** One preparation or removal of a plugin at a time; whoever comes second finds the work done. */
  const lock = createKeyedLock();

  function runnerOf({ meta }: PluginDeclaration): Pick<LanguageRunner, "prepare" | "forget"> {
    const { language } = meta.runner;
    const { command } = readRunner(meta.runner);
    if (command)
      return {
        prepare: ({ folder }) => commands.prepare(folder, command),
        forget: () => Promise.resolve(),
      };
    const runner = runners.find(({ languages }) => languages.includes(language));
    if (runner) return runner;
    throw new DaemonError("bad_request", `unsupported language: ${language}`, {
      hint: `Plugins may be written in ${runners.flatMap(({ languages }) => languages).join(", ")}, or bring a program (meta.runner.command)`,
    });
  }

  return {
    async prepare({ identifier, declaration, load }, { report, signal }) {
      const runner = runnerOf(declaration);
      return lock.run(
        identifier.text,
        async () => {
          report("unpack", "Unpacking the package");
          const folder = await folders.ensure(identifier, load);
          signal.throwIfAborted();
          return runner.prepare({ identifier, declaration, folder }, { report, signal });
        },
        { signal },
      );
    },
    prepareFolder(plugin, { report, signal, stale }) {
      const runner = runnerOf(plugin.declaration);
      return lock.run(
        plugin.folder,
        async () => {
          await mkdir(join(plugin.folder, PRIVATE_FOLDER), { recursive: true });
          if (stale) await runner.forget(plugin.folder);
          return runner.prepare(plugin, { report, signal });
        },
        { signal },
      );
    },
    async discard(identifier) {
      await lock.run(identifier.text, () => folders.remove(identifier));
      await python.collect(() => folders.list());
    },
  };
}
