import type { Logger } from "../../../lib/logger.ts";
import { succeeded } from "../../../lib/run-command.ts";
import { tellingTail } from "../tool-failure.ts";
import type { Tools } from "../tools.ts";

/** The reference's: never the files of an environment or a cache in the folder. */
const SKIPPED = "\\.venv|\\.uv-cache";

/**
 * Arguments of Python that compile the files of the current folder (contract/lifecycle 4.3.1 step 6). A `-x` among
 * `extra` adds to the pattern; the rest is passed on.
 */
export function compileArguments(extra: readonly string[]): string[] {
  const at = extra.indexOf("-x");
  const added = at < 0 ? undefined : extra[at + 1];
  const others = extra.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const pattern = added === undefined ? SKIPPED : `${SKIPPED}|${added}`;
  return ["-m", "compileall", "-q", ...others, "-x", pattern, "."];
}

/** Compiles a plugin's own files, so that the first start need not. Failures are logged: Python compiles on import. */
export async function compilePlugin(
  folder: string,
  options: {
    readonly python: string;
    readonly extra: readonly string[];
    readonly tools: Tools;
    readonly log: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { python, tools, signal } = options;
  const result = await tools.run([python, ...compileArguments(options.extra)], { cwd: folder, signal });
  if (!succeeded(result))
    options.log.warn("Some files of the plugin could not be compiled", {
      folder,
      output: tellingTail(result),
    });
}
