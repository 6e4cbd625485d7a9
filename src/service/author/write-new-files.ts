import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

/**
 * Writes files below a folder that is there, and answers how to take them back. None that exists is replaced: that is
 * `bad_request`, and leaves nothing behind.
 */
export async function writeNewFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
  options: { readonly signal: AbortSignal },
): Promise<() => Promise<void>> {
  const written: string[] = [];
  const undo = async () => {
    for (const path of written) await rm(path, { force: true });
  };
  try {
    for (const [name, text] of files) {
      options.signal.throwIfAborted();
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await write(path, { name, text });
      written.push(path);
    }
    options.signal.throwIfAborted();
  } catch (error) {
    await undo();
    throw error;
  }
  return undo;
}

async function write(
  path: string,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx" });
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    const why = code === "EEXIST" ? "it is there already" : code;
    throw new DaemonError("bad_request", `Cannot write "${name}": ${why}`, { cause });
  }
}
