import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { writeFileAtomic } from "../../../lib/atomic-file.ts";
import { PRIVATE_FOLDER } from "../working-folder.ts";

const FolderState = Type.Object({
  /** Key of the environment that the plugin runs in. */
  environment: Type.String(),
  /** The settings that it was chosen by. */
  settings: Type.String(),
  /** The plugin's own files are compiled, as far as they can be. */
  compiled: Type.Boolean(),
});

/** What is noted in a plugin's folder about its preparation. */
export type FolderState = Static<typeof FolderState>;

const FILE = join(PRIVATE_FOLDER, "environment.json");

/** Undefined where there is none, or none that can be read: the plugin is prepared anew then. */
export async function readFolderState(folder: string): Promise<FolderState | undefined> {
  try {
    const value: unknown = await Bun.file(join(folder, FILE)).json();
    return Value.Check(FolderState, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function writeFolderState(folder: string, state: FolderState): Promise<void> {
  return writeFileAtomic(join(folder, FILE), JSON.stringify(state));
}

export function forgetFolderState(folder: string): Promise<void> {
  return rm(join(folder, FILE), { force: true });
}
