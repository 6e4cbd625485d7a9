import { succeeded } from "../../lib/run-command.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { createUvFinder, uvEnvironment } from "../../runtime/local/python/find-uv.ts";
import type { LocalSettings } from "../../runtime/local/settings.ts";
import { createTools } from "../../runtime/local/tools.ts";

/** Gives the text of the `requirements.txt` that a plugin's `uv.lock` amounts to. */
export type ExportRequirements = (folder: string, signal: AbortSignal) => Promise<string>;

const ARGUMENTS = [
  "export",
  "--frozen",
  "--format",
  "requirements.txt",
  "--no-group",
  "dev",
  "--no-emit-project",
  "--no-hashes",
  "--no-header",
  "--no-annotate",
];

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
    const result = await tools.run([uv, ...ARGUMENTS], {
      cwd: folder,
      signal,
      env: uvEnvironment(settings, true),
      resultOnStdout: true,
    });
    if (!succeeded(result)) throw tools.failure("failed to export requirements.txt from uv.lock", result);
    return result.stdout;
  };
}
