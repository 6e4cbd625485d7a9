import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PackageFile } from "../../src/package/package.ts";
import type { SdkDaemon } from "./sdk-daemon.ts";

/** A plugin with the SDK that runs outside of the daemon and connects to it. */
export interface Developer extends Disposable {
  /** Where it runs. */
  readonly folder: string;
  /** As Ctrl-C twice: no last words. */
  kill(): void;
}

export interface DeveloperOptions {
  /** Of the plugin's folder. */
  readonly files: readonly PackageFile[];
  /** An interpreter with the SDK. */
  readonly python: string;
  readonly port: number;
  readonly key: string;
}

/** Runs a plugin from a folder of its own, with the lines that its developer copies into `.env`. */
export function startDeveloper({ files, python, port, key }: DeveloperOptions): Developer {
  const folder = mkdtempSync(join(tmpdir(), "plugd-developer-"));
  for (const { path, bytes } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  writeFileSync(
    join(folder, ".env"),
    `INSTALL_METHOD=remote\nREMOTE_INSTALL_URL=127.0.0.1:${port}\nREMOTE_INSTALL_KEY=${key}\n`,
  );
  const child = Bun.spawn([python, "-m", "main"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] ?? "", PYTHONDONTWRITEBYTECODE: "1" },
  });
  return {
    folder,
    kill: () => child.kill("SIGKILL"),
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The interpreter of a plugin that this daemon has started last: its environment holds the SDK. */
export function pythonOf(daemon: Pick<SdkDaemon, "log">): string {
  const pid = [...daemon.log().matchAll(/Plugin process started.* pid=(\d+)/g)].at(-1)?.[1];
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0", 1)[0] ?? "";
}
