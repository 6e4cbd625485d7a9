import { stat } from "node:fs/promises";

/** What changes when a file is written anew; undefined when it cannot be looked at. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size } = await stat(path);
    return `${mtimeMs}:${size}`;
  } catch {
    return undefined;
  }
}
