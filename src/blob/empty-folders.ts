import { rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "../lib/system-error.ts";

/** Removes folders that hold nothing, from `folder` upwards, up to `limit`, which stays. */
export async function removeEmptyFolders(folder: string, limit: string): Promise<void> {
  for (let current = folder; current !== limit; current = dirname(current)) {
    try {
      await rmdir(current);
    } catch (error) {
      if (hasCode(error, "ENOTEMPTY", "EEXIST", "EBUSY", "ENOTDIR")) return;
      // Another delete was faster; the folder above may still be ours to remove.
      if (!hasCode(error, "ENOENT", "ENAMETOOLONG")) throw error;
    }
  }
}
