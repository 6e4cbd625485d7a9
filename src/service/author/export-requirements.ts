import { succeeded } from "../../lib/run-command.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { createUvFinder, uvEnvironment } from "../../runtime/local/python/find-uv.ts";
import type { LocalSettings } from "../../runtime/local/settings.ts";
import { createTools } from "../../runtime/local/tools.ts";

/** Gives the text of the `requirements.txt` that a plugin's `uv.lock` amounts to. */
export type ExportRequirements = (folder: string, signal: AbortSignal) => Promise<string>;

const EXPORT = ["export", "--frozen", "--format", "requirements.txt"];
/** What the reference's packager says; uv refuses it for a project that has no such group. */
const WITHOUT_GROUP = ["--no-group", "dev"];
/** The same, which uv takes from every project. */
const WITHOUT_DEV = ["--no-dev"];
const PLAIN = ["--no-emit-project", "--no-hashes", "--no-header", "--no-annotate"];
const NO_SUCH_GROUP = /group .?dev.? is not defined/i;

/**
 * Runs uv (`UV_PATH`, else the one on the PATH) as the reference's packager does (contract/plugin-package 1.4).
 *
 * Rejects with `unavailable` where there is no uv, with a `DaemonError` quoting uv where it fails.
 */
export function createExportRequirements(settings: LocalSettings): ExportRequirements {
  const tools = createTools(settings);
  const finder = createUvFinder(settings, tools);
  return async (folder, signal) => {
    const uv = await finder.find([], signal);
    if (uv === undefined)
      throw new DaemonError("unavailable", "Cannot make requirements.txt of uv.lock: uv is not there", {
        hint: "Install uv, set UV_PATH to it, or add a requirements.txt of your own",
      });
    const run = (exclude: readonly string[]) =>
      tools.run([uv, ...EXPORT, ...exclude, ...PLAIN], {
        cwd: folder,
        signal,
        env: uvEnvironment(settings, true),
        resultOnStdout: true,
      });
    let result = await run(WITHOUT_GROUP);
    if (!succeeded(result) && NO_SUCH_GROUP.test(result.stderr)) result = await run(WITHOUT_DEV);
    if (!succeeded(result)) throw tools.failure("failed to export requirements.txt from uv.lock", result);
    return result.stdout;
  };
}
