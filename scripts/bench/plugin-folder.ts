import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PackageFile } from "../../src/package/package.ts";
import { writePackage } from "../../src/package/write-package.ts";

/** A plugin of this folder as a package; `changed` replaces and adds files. */
export function packPlugin(
  name: string,
  changed: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const root = pluginFolder(name);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry): PackageFile => {
      const path = join(entry.parentPath, entry.name).slice(root.length + 1);
      return { path, bytes: readFileSync(join(root, path)) };
    })
    .filter(({ path }) => !(path in changed));
  for (const [path, content] of Object.entries(changed))
    files.push({ path, bytes: typeof content === "string" ? new TextEncoder().encode(content) : content });
  return writePackage(files.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
}

export function readPluginFile(name: string, path: string): string {
  return readFileSync(join(pluginFolder(name), path), "utf8");
}

export function pluginFolder(name: string): string {
  return join(import.meta.dir, name);
}
