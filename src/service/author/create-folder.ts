import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

/**
 * Makes a new folder, has it filled and answers its path. When the filling fails, the folder is removed again. Throws
 * `bad_request` where there is a file or folder of that name.
 */
export async function createFolder(
  parent: string,
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(parent, name);
  try {
    await mkdir(folder);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    const why = code === "EEXIST" ? "there is something of this name already" : code;
    throw new DaemonError("bad_request", `Cannot make the folder "${folder}": ${why}`, { cause });
  }
  try {
    await fill(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}
