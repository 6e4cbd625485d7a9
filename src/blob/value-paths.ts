import { join } from "node:path";
import type { ValuePlace, ValueScope } from "./value-store.ts";

/** Below the folder of a plugin, holds the values whose keys cannot be names of files. */
export const ENCODED_FOLDER = ".plugd-keys";
/** Below every file system's limit for one name, the ending included. */
const ENCODED_NAME = /.{1,128}/g;
const ENCODED_ENDING = ".value";

const PLAIN_TENANT = /^[a-z0-9_][a-z0-9_-]{0,127}$/;
const PLAIN_PLUGIN = /^[a-z0-9_-]{1,64}\/[a-z0-9_-]{1,128}$/;

/**
 * The folder of a plugin's values, relative: `<tenant>/<author>/<name>` (contract/backwards-invocation 3.3). Texts
 * that could leave it or meet another one, as no UUID and no plugin id does, are replaced by their hash.
 */
export function scopePath({ tenantId, pluginId }: ValueScope): string {
  const tenant = PLAIN_TENANT.test(tenantId) ? tenantId : `.tenant-${sha256(tenantId)}`;
  const plugin = PLAIN_PLUGIN.test(pluginId) ? pluginId : `.plugin-${sha256(pluginId)}`;
  return `${tenant}/${plugin}`;
}

/** Where the reference keeps a value, below the folder of its plugin; undefined where it cannot lie there. */
export function directPath({ key }: ValuePlace): string | undefined {
  if (key === "." || key.includes("\0")) return undefined;
  const [first = ""] = key.split("/", 1);
  return first.toLowerCase() === ENCODED_FOLDER ? undefined : key;
}

/**
 * Where a value lies whose key is too long for a name, or is the folder of another key, below the folder of its
 * plugin: the key's bytes in hex, cut into names. It can be read back, and no two keys meet on any file system.
 */
export function encodedPath({ key }: ValuePlace): string {
  const names = Buffer.from(key, "utf8").toString("hex").match(ENCODED_NAME) ?? [];
  return join(ENCODED_FOLDER, ...names) + ENCODED_ENDING;
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
