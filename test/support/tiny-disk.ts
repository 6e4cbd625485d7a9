import { mkdtemp, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A disk of its own that can be filled or turned read-only, gone with its block (`await using`). */
export interface TinyDisk extends AsyncDisposable {
  readonly path: string;
  makeReadOnly(): Promise<void>;
}

/** Why this machine cannot give one, for the names of tests that are skipped. */
export const tinyDiskRefusal: string | undefined = await refusal();

/** Needs Linux and the right to mount. */
export async function tinyDisk({ sizeBytes }: { readonly sizeBytes: number }): Promise<TinyDisk> {
  const path = await mkdtemp(join(tmpdir(), "plugd-disk-"));
  try {
    await run(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=0755`, "tmpfs", path]);
  } catch (error) {
    await rmdir(path);
    throw error;
  }
  return {
    path,
    makeReadOnly: () => run(["mount", "-o", "remount,ro", path]),
    async [Symbol.asyncDispose]() {
      await run(["umount", "--lazy", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function refusal(): Promise<string | undefined> {
  if (process.platform !== "linux") return " (skipped: needs tmpfs of Linux)";
  try {
    await using _disk = await tinyDisk({ sizeBytes: 1 << 16 });
    return undefined;
  } catch {
    return " (skipped: needs the right to mount a tmpfs)";
  }
}

async function run(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "pipe"] });
  const [code, stderr] = await Promise.all([child.exited, child.stderr.text()]);
  if (code !== 0) throw new Error(`Cannot run "${command.join(" ")}": ${stderr.trim()}`);
}
