import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DaemonError } from "../../../protocol/daemon-error.ts";
import type { LocalSettings } from "../settings.ts";
import type { Tools } from "../tools.ts";
import type { InterpreterCandidate } from "./interpreter.ts";
import { onPath } from "./python-places.ts";

export interface UvFinder {
  /**
   * `UV_PATH`, else the first on the PATH that works, else one that an interpreter has as a module. Undefined when
   * there is none. Throws `unavailable` when `UV_PATH` is set and of no use.
   */
  find(candidates: readonly InterpreterCandidate[], signal: AbortSignal): Promise<string | undefined>;
}

export function createUvFinder(settings: LocalSettings, tools: Tools): UvFinder {
  let found: string | undefined;

  async function works(path: string, signal: AbortSignal): Promise<boolean> {
    const result = await tools.run([path, "--version"], { cwd: "/", signal, timeoutMs: 10_000 });
    return /^uv \d/.test(result.stdout);
  }

  return {
    async find(candidates, signal) {
      if (found !== undefined && (await exists(found))) return found;
      found = undefined;
      const { uvPath } = settings;
      if (uvPath !== undefined) {
        if (!(await works(uvPath, signal)))
          throw new DaemonError("unavailable", `failed to find uv path: "${uvPath}" does not work`, {
            hint: "Set UV_PATH to the uv program, or unset it",
          });
        return (found = uvPath);
      }
      const modules = candidates.flatMap(({ interpreter }) => interpreter?.uvPath ?? []);
      for (const path of [...(await onPath("uv", settings.hostEnv)), ...modules])
        if (await works(path, signal)) return (found = path);
      return undefined;
    },
  };
}

/** What uv gets beside the environment of all tools. */
export function uvEnvironment(settings: LocalSettings, configured: boolean): Record<string, string> {
  return {
    UV_CACHE_DIR: join(settings.cachePath, "uv"),
    UV_PYTHON_DOWNLOADS: "never",
    UV_NO_PROGRESS: "1",
    NO_COLOR: "1",
    // Settings of folders above, or of the user, have no say; those that a package brings do, as in the reference.
    ...(configured ? {} : { UV_NO_CONFIG: "1" }),
  };
}

/** `-i <mirror>` and `PIP_EXTRA_ARGS`, for commands that look things up. */
export function indexArguments(settings: LocalSettings): string[] {
  const { mirrorUrl } = settings;
  // These belong to `uv sync`, for which the reference's settings were written.
  const extra = settings.pipExtraArgs.filter(
    (argument) => !["--frozen", "--locked", "--no-dev"].includes(argument),
  );
  return [...(mirrorUrl === undefined ? [] : ["-i", mirrorUrl]), ...extra];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
