import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../../lib/system-error.ts";
import { DaemonError } from "../../../protocol/daemon-error.ts";
import helper from "./plugd_debug.py" with { type: "text" };

/** What authors import, with `.py`. */
export const DEBUG_HELPER = "plugd_debug.py";

/** Its first line says whose it is. */
const [FIRST_LINE = ""] = helper.split("\n", 1);

/**
 * Writes the helper for breakpoints into the folder of a plugin in Python; an older one is replaced. Throws
 * `bad_request` where a file of that name is somebody else's, or the folder does not take it.
 */
export async function writeDebugHelper(folder: string): Promise<void> {
  const path = join(folder, DEBUG_HELPER);
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there !== undefined && !there.startsWith(FIRST_LINE))
    throw new DaemonError("bad_request", `Cannot write "${path}": it is there already, and another file`);
  try {
    await writeFile(path, helper);
  } catch (cause) {
    const why = errorCode(cause) ?? String(cause);
    throw new DaemonError("bad_request", `Cannot write "${path}": ${why}`, { cause });
  }
}
