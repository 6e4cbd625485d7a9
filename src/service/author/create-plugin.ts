import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { type NewPlugin, scaffoldPlugin } from "./scaffold.ts";
import { writeNewFiles } from "./write-new-files.ts";

/**
 * Makes the folder of a new plugin, by its name, and answers its path. When something goes wrong, or the signal says
 * so, the folder is removed again. Throws `bad_request` where there is a file or folder of that name.
 */
export async function createPlugin(
  parent: string,
  plugin: NewPlugin,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const folder = join(parent, plugin.name);
  try {
    await mkdir(folder);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    const why = code === "EEXIST" ? "there is something of this name already" : code;
    throw new DaemonError("bad_request", `Cannot make the folder "${folder}": ${why}`, { cause });
  }
  try {
    await writeNewFiles(folder, scaffoldPlugin(plugin), options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}
