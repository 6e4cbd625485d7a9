import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "../../lib/describe-error.ts";
import { LAUNCHER_MESSAGE, launcherImage } from "./spawn-launcher-image.ts";

/** What stands between the daemon and a plugin's program, if anything does. */
export interface Launcher {
  /**
   * `parent-death`: a plugin is killed with the daemon, whatever ends the daemon, and gains no privileges.
   * `none`: plugins outlive a daemon that is killed with -9, until they notice it themselves.
   */
  readonly kind: "parent-death" | "none";
  /** One line for the start-up message: what is in force, or why it is not. */
  readonly detail: string;
  /** The command that starts `argv` under this launcher. */
  wrap(argv: readonly [string, ...string[]]): [string, ...string[]];
}

export interface InstallLauncherOptions {
  /**
   * Folders of this daemon alone, tried in order until one allows executables. They are created; the file in it
   * belongs to this process and is overwritten by the next daemon.
   */
  readonly folders: readonly string[];
  /** As Node names them; given by tests. */
  readonly platform?: string;
  readonly arch?: string;
}

/** Ends before any plugin could need as long. */
const PROBE_MS = 5000;

/** No launcher: the command is run as it is. */
export function plainLauncher(detail: string): Launcher {
  return { kind: "none", detail, wrap: (argv) => [...argv] };
}

/** Writes the launcher and tries it. Never rejects: without one, plugins are spawned plainly and `detail` says why. */
export async function installLauncher(options: InstallLauncherOptions): Promise<Launcher> {
  const { platform = process.platform, arch = process.arch } = options;
  const image = platform === "linux" ? launcherImage(arch, process.pid) : undefined;
  if (image === undefined)
    return plainLauncher(`plugins are not bound to the life of the daemon on ${platform} ${arch}`);
  const reasons: string[] = [];
  for (const folder of options.folders) {
    const path = join(folder, "plugd-launcher");
    try {
      await writeProgram(path, image);
      await probe(path);
      return {
        kind: "parent-death",
        detail: `plugins end with the daemon and gain no privileges (${path})`,
        wrap: (argv) => [path, ...argv],
      };
    } catch (cause) {
      reasons.push(`${folder}: ${errorMessage(cause)}`);
    }
  }
  return plainLauncher(
    `plugins are not bound to the life of the daemon, no folder allows a launcher (${reasons.join("; ")})`,
  );
}

/** Replaces the file as a whole: a program that runs cannot be written to. */
async function writeProgram(path: string, image: Uint8Array): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(draft, image);
    await chmod(draft, 0o755);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Runs it without a program: it must say that there is none, which proves that this machine executes it. */
async function probe(path: string): Promise<void> {
  const child = Bun.spawn([path], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {},
    timeout: PROBE_MS,
    killSignal: "SIGKILL",
  });
  const [code, text] = await Promise.all([child.exited, child.stderr.text()]);
  if (code !== 127 || text !== LAUNCHER_MESSAGE)
    throw new Error(`the launcher ended with ${code} and said ${JSON.stringify(text)}`);
}
