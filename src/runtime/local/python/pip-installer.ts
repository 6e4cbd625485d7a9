import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../../../lib/atomic-file.ts";
import type { KeyedLock } from "../../../lib/keyed-lock.ts";
import { type CommandResult, succeeded } from "../../../lib/run-command.ts";
import { DaemonError } from "../../../protocol/daemon-error.ts";
import type { LocalSettings } from "../settings.ts";
import type { Tools } from "../tools.ts";
import { type Pin, pinnedText, type Resolution } from "./distribution.ts";
import { indexArguments } from "./find-uv.ts";
import { FAILED_TO_CREATE, FAILED_TO_INSTALL, type InstallContext, type Installer } from "./installer.ts";
import type { Interpreter } from "./interpreter.ts";
import { parsePipReport } from "./pip-report.ts";

/** From here on pip reports what it would install, and installs into another environment. */
const NEEDED_PIP = "pip>=22.3";

/**
 * Installs with `python -m venv` and pip, where there is no uv. One pip per interpreter serves all plugins; the
 * environments themselves have none.
 */
export function createPipInstaller(options: {
  readonly settings: LocalSettings;
  readonly tools: Tools;
  readonly lock: KeyedLock;
}): Installer {
  const { settings, tools, lock } = options;
  const index = indexArguments(settings);
  const verbose = settings.pipVerbose ? ["-v"] : [];

  function run(argv: readonly [string, ...string[]], context: InstallContext): Promise<CommandResult> {
    return tools.run(argv, {
      cwd: context.folder,
      signal: context.signal,
      env: {
        PIP_CACHE_DIR: join(settings.cachePath, "pip"),
        PIP_DISABLE_PIP_VERSION_CHECK: "1",
        PIP_NO_INPUT: "1",
        PIP_PROGRESS_BAR: "off",
        NO_COLOR: "1",
      },
      report: context.report,
    });
  }

  async function runOrThrow(action: string, argv: readonly [string, ...string[]], context: InstallContext) {
    const result = await run(argv, context);
    if (!succeeded(result)) throw tools.failure(action, result);
  }

  /** The Python of an environment with a pip that is new enough; made once per interpreter. */
  function pipPython(context: InstallContext): Promise<string> {
    const { interpreter, signal } = context;
    const folder = join(settings.envsPath, `pip-${interpreterHash(interpreter)}`);
    const python = join(folder, "bin/python");
    const marker = join(folder, "complete");
    return lock.run(
      folder,
      async () => {
        if (await Bun.file(marker).exists()) return python;
        await rm(folder, { recursive: true, force: true });
        context.report("Preparing pip");
        await runOrThrow(FAILED_TO_CREATE, [interpreter.path, "-m", "venv", folder], context);
        const { stdout } = await run([python, "-m", "pip", "--version"], context);
        const [, major = "0", minor = "0"] = /^pip (\d+)\.(\d+)/.exec(stdout) ?? [];
        if (Number(major) < 22 || (Number(major) === 22 && Number(minor) < 3))
          await runOrThrow(
            FAILED_TO_INSTALL,
            [python, "-m", "pip", "install", NEEDED_PIP, ...index],
            context,
          );
        await writeFileAtomic(marker, "");
        return python;
      },
      { signal },
    );
  }

  return {
    name: "pip",
    async resolve(file, context) {
      const python = await pipPython(context);
      const report = join(context.folder, ".plugd/pip-report.json");
      await mkdir(join(context.folder, ".plugd"), { recursive: true });
      // pip reads the dependencies of a project only as those of something it would install.
      const project = file.endsWith("pyproject.toml");
      const what = project ? ["."] : ["-r", file];
      const flags = ["--dry-run", "--ignore-installed", "--report", report];
      await runOrThrow(
        FAILED_TO_INSTALL,
        [python, "-m", "pip", "install", ...flags, ...what, ...index],
        context,
      );
      const pins = parsePipReport(await Bun.file(report).text());
      await rm(report, { force: true });
      if (!pins)
        throw new DaemonError("internal", `${FAILED_TO_INSTALL}: pip wrote a report that cannot be read`);
      const isItself = (pin: Pin) =>
        pin.source.startsWith("file:") && fileURLToPath(pin.source) === context.folder;
      return project ? pins.filter((pin) => !isItself(pin)) : pins;
    },
    async build(path, resolution, context) {
      const { interpreter, step } = context;
      await step("python.create_venv", () =>
        runOrThrow(FAILED_TO_CREATE, [interpreter.path, "-m", "venv", "--without-pip", path], context),
      );
      if (resolution.pins.length === 0) return;
      const python = await pipPython(context);
      const file = join(path, "requirements.txt");
      await Bun.write(file, pinnedText({ ...resolution, pins: hashesOfAllOrNone(resolution) }));
      const install = ["--python", join(path, "bin/python"), "install", "--no-deps", "-r", file];
      const argv = [python, "-m", "pip", ...install, ...index, ...verbose] as const;
      await step("python.install_deps", () => runOrThrow(FAILED_TO_INSTALL, argv, context));
    },
  };
}

/** With one hash pip wants a hash for everything, which checkouts and folders do not have. */
function hashesOfAllOrNone({ pins }: Resolution): readonly Pin[] {
  return pins.every((pin) => pin.hashes.length > 0) ? pins : pins.map((pin) => ({ ...pin, hashes: [] }));
}

function interpreterHash(interpreter: Interpreter): string {
  const text = JSON.stringify([interpreter.path, interpreter.version, interpreter.platform]);
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 16);
}
