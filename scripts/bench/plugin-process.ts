import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** How a process was started, as the kernel tells it. */
export interface ProcessStart {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** The process that runs in a plugin's working folder, which is named after it. Throws when there is none. Linux only. */
export function findPluginProcess(dataFolder: string, pluginName: string): ProcessStart {
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (cwd.startsWith(dataFolder) && cwd.includes(pluginName)) return describe(pid, cwd);
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  throw new Error(`Cannot find the process of plugin "${pluginName}" below "${dataFolder}"`);
}

function describe(pid: number, cwd: string): ProcessStart {
  const words = (file: string) =>
    readFileSync(`/proc/${pid}/${file}`, "utf8")
      .split("\0")
      .filter((word) => word !== "");
  const env = words("environ").map((word) => [
    word.slice(0, word.indexOf("=")),
    word.slice(word.indexOf("=") + 1),
  ]);
  return { pid, argv: words("cmdline"), env: Object.fromEntries(env), cwd };
}
