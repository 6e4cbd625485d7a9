import { isRecord } from "../lib/is-record.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { assetId } from "./checksum.ts";
import type { PluginPackage, RemappedAssets } from "./package.ts";

type Json = Readonly<Record<string, unknown>>;
/** Gives the id for an asset's name; an empty name stays empty. */
type Remap = (name: unknown, field: string) => unknown;

const MODEL_ICONS = ["icon_small", "icon_large", "icon_small_dark", "icon_large_dark"];
const LANGUAGES = ["en_US", "zh_Hans", "ja_JP", "pt_BR"];

/** The form of a package that an upload stores: `remapIcons` with the error texts of an upload. */
export function remapAssets(plugin: Pick<PluginPackage, "declaration" | "assets">): RemappedAssets {
  try {
    return remapIcons(plugin.declaration, plugin.assets);
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw new DaemonError("bad_request", `${error.message}\nfailed to remap assets\nfailed to save package`, {
      cause: error,
    });
  }
}

/**
 * Replaces the names of icons by asset ids, and gives the assets that they name (contract/plugin-package 3.3).
 *
 * Throws `bad_request` with `file not found: NAME` and the field on the next line.
 */
export function remapIcons(
  declaration: PluginDeclaration,
  assets: ReadonlyMap<string, Uint8Array>,
): RemappedAssets {
  const used = new Map<string, Uint8Array>();
  const replaced = replaceIcons(declaration, (name, field) => {
    const bytes = assets.get(name);
    if (!bytes)
      throw new DaemonError(
        "bad_request",
        `file not found: ${name}\nfailed to remap ${field.replaceAll("_", " ")}`,
      );
    const id = assetId(bytes, name);
    used.set(id, bytes);
    return id;
  });
  return { declaration: replaced, assets: used };
}

/** A declaration that came without files: the names of its icons lead nowhere. */
export function withoutIcons(declaration: PluginDeclaration): PluginDeclaration {
  return replaceIcons(declaration, () => "");
}

function replaceIcons(
  declaration: PluginDeclaration,
  replace: (name: string, field: string) => string,
): PluginDeclaration {
  const remap: Remap = (name, field) =>
    typeof name === "string" && name !== "" ? replace(name, field) : name;
  const { model, tool, agent_strategy: strategy, datasource, trigger } = declaration;
  // The order decides which of several missing files is reported.
  const remapped: Json = {
    ...(model && { model: remapModel(model, remap) }),
    ...(tool && { tool: remapIdentity(tool, "tool", remap) }),
    ...(strategy && { agent_strategy: remapIdentity(strategy, "agent strategy", remap) }),
    ...(datasource && { datasource: remapDatasource(datasource, remap) }),
    ...(trigger && { trigger: remapIdentity(trigger, "trigger", remap) }),
  };
  const icon = String(remap(declaration.icon, "plugin icon"));
  const iconDark = String(remap(declaration.icon_dark, "plugin icon_dark"));
  return { ...declaration, icon, icon_dark: iconDark, ...remapped };
}

function remapModel(model: Json, remap: Remap): Json {
  return mapKeys(model, MODEL_ICONS, (icon, field) =>
    isRecord(icon) ? mapKeys(icon, LANGUAGES, (name) => remap(name, `model ${field}`)) : icon,
  );
}

function remapIdentity(item: Json, noun: string, remap: Remap): Json {
  return mapKeys(item, ["identity"], (identity) => {
    if (!isRecord(identity)) return identity;
    const icons = mapKeys(identity, ["icon", "icon_dark"], (name, field) => remap(name, `${noun} ${field}`));
    // What is stored has no null here: where neither provider nor plugin has tags, there are none.
    return icons.tags === null ? { ...icons, tags: [] } : icons;
  });
}

function remapDatasource(provider: Json, remap: Remap): Json {
  const icons = remapIdentity(provider, "datasource", remap);
  return mapKeys(icons, ["datasources"], (items) =>
    Array.isArray(items)
      ? items.map((item: unknown) => (isRecord(item) ? remapIdentity(item, "datasource", remap) : item))
      : items,
  );
}

/** A copy in which some values are replaced; keys that are missing stay so. */
function mapKeys(object: Json, keys: readonly string[], map: (value: unknown, key: string) => unknown): Json {
  const result: Record<string, unknown> = { ...object };
  for (const key of keys) if (Object.hasOwn(object, key)) result[key] = map(object[key], key);
  return result;
}
