import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import * as source from "./plugin-module/plugin.ts" with { type: "text" };

/** Its folder below `node_modules`. */
export const PLUGIN_MODULE = "plugd";

const PACKAGE = `${JSON.stringify({ name: PLUGIN_MODULE, type: "module", exports: { "./plugin": "./plugin.ts" } })}\n`;

/**
 * Makes `import { serve } from "plugd/plugin"` work in a plugin's folder: writes the module of this very program below
 * its `node_modules`, where it is not there already.
 */
export async function writePluginModule(folder: string): Promise<void> {
  const target = join(folder, "node_modules", PLUGIN_MODULE);
  // The types see the module here, Bun gives its text.
  const text: unknown = Reflect.get(source, "default");
  if (typeof text !== "string") throw new TypeError("The module of plugins was not embedded as text");
  await mkdir(target, { recursive: true });
  for (const [name, wanted] of [
    ["package.json", PACKAGE],
    ["plugin.ts", text],
  ] as const) {
    const file = Bun.file(join(target, name));
    if (!(await file.exists()) || (await file.text()) !== wanted)
      await writeFileAtomic(join(target, name), wanted);
  }
}
