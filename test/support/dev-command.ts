import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { until } from "./processes.ts";

/** `plugd plugin dev`, as a process of its own. Ended as by Ctrl-C with its block (`await using`). */
export interface DevCommand extends AsyncDisposable {
  /** All that it has shown so far. */
  output(): string;
  /** Resolves when it shows something that it had not shown at the last call. */
  shows(pattern: RegExp, withinMs?: number): Promise<void>;
  save(path: string, text: string): void;
  /** Ctrl-C; answers the exit code. */
  interrupt(): Promise<number>;
}

export interface DevCommandOptions {
  readonly folder: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const MAIN = join(import.meta.dir, "../../src/main.ts");

export function startDevCommand({ folder, args = [], env = {} }: DevCommandOptions): DevCommand {
  const child = Bun.spawn([process.execPath, MAIN, "plugin", "dev", folder, ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      BUN_CONFIG_MAX_HTTP_REQUESTS: "8192",
      ...env,
    },
  });
  let text = "";
  let seen = 0;
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  const read = Promise.all([collect(child.stdout), collect(child.stderr)]);

  async function interrupt(): Promise<number> {
    child.kill("SIGINT");
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const code = await child.exited;
    clearTimeout(timer);
    await read;
    return code;
  }

  return {
    output: () => text,
    async shows(pattern, withinMs = 20_000) {
      const met = () => text.slice(seen).search(pattern) >= 0;
      await until(`${String(pattern)} in what it shows`, () => met() || child.exitCode !== null, {
        withinMs,
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${text}`);
      });
      if (!met()) throw new Error(`It ended with ${child.exitCode}:\n${text}`);
      const found = pattern.exec(text.slice(seen));
      seen += (found?.index ?? 0) + (found?.[0].length ?? 0);
    },
    save(path, content) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    },
    interrupt,
    async [Symbol.asyncDispose]() {
      await interrupt();
    },
  };
}
