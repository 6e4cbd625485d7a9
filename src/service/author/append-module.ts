import { DaemonError } from "../../protocol/daemon-error.ts";
import { openManifest } from "./manifest-edit.ts";
import type { Manifest } from "../../package/declaration/manifest-problems.ts";
import { scaffoldModule } from "./scaffold.ts";
import { writeNewFiles } from "./write-new-files.ts";

/** Kinds of parts that stand alone in a plugin, as `plugins` in the manifest and as the provider in it. */
const ALONE = [
  ["models", "model", "models"],
  ["agent_strategies", "agent_strategy", "agent strategies"],
  ["datasources", "datasource", "datasources"],
  ["triggers", "trigger", "triggers"],
] as const;
const PROVIDERS = { tools: "tool", endpoints: "endpoint" } as const;

/**
 * Adds tools, or endpoints, to a plugin that has none: files by the name of the plugin, and their place in the
 * manifest (contract/plugin-package 7.1).
 *
 * Throws `bad_request` where the plugin has some, or has parts that stand alone; nothing is changed then.
 */
export async function appendModule(
  folder: string,
  kind: keyof typeof PROVIDERS,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const manifest = await openManifest(folder);
  refuse(manifest.decoded, kind);
  const { author, name, description } = manifest.decoded;
  const { provider, files } = scaffoldModule(kind, { author, name, description: description.en_US });
  manifest.set(["plugins", kind], [provider]);
  // Without it nobody could set one up.
  if (kind === "endpoints") manifest.set(["resource", "permission", "endpoint"], { enabled: true });
  const undo = await writeNewFiles(folder, files, options);
  try {
    await manifest.save();
  } catch (error) {
    await undo();
    throw error;
  }
  return [...files.keys()];
}

function refuse(manifest: Manifest, kind: keyof typeof PROVIDERS): void {
  if ((manifest.plugins[kind]?.length ?? 0) > 0 || manifest[PROVIDERS[kind]] !== undefined)
    throw new DaemonError("bad_request", `Cannot add ${kind}: the plugin has ${kind} already`);
  for (const [list, provider, words] of ALONE)
    if ((manifest.plugins[list]?.length ?? 0) > 0 || manifest[provider] !== undefined)
      throw new DaemonError("bad_request", `Cannot add ${kind}: a plugin with ${words} has nothing else`);
}
