import { createFolder } from "./create-folder.ts";
import { type NewPlugin, scaffoldPlugin } from "./scaffold.ts";
import { writeNewFiles } from "./write-new-files.ts";

/** Makes the folder of a new plugin, by its name, as `createFolder()` does; also gives up when the signal says so. */
export async function createPlugin(
  parent: string,
  plugin: NewPlugin,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  return createFolder(parent, plugin.name, async (folder) => {
    await writeNewFiles(folder, scaffoldPlugin(plugin), options);
  });
}
