import { errorMessage } from "../../lib/describe-error.ts";
import { assembleTransmitted } from "../../package/declaration/transmitted.ts";
import { remapIcons } from "../../package/remap-assets.ts";
import { brokenRule } from "../../package/validate-upload.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import { type Identifier, requireIdentifier } from "../../protocol/identifier.ts";
import type { Registration } from "./registration.ts";

/** A plugin of a debugging connection as it is stored, listed and called. */
export interface DebuggedPlugin {
  readonly tenantId: string;
  /** The tenant's alone, and another one after every change of the declaration. */
  readonly identifier: Identifier;
  /** Icons are asset ids. */
  readonly declaration: PluginDeclaration;
  /** Those that came over the connection, by id. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
  /** All that the declaration names. */
  readonly assetIds: readonly string[];
  /** With it a plain client that was disconnected resumes its identity. */
  readonly sessionId?: string;
}

/** A file name has an end on every file system. */
const MAX_ASSET_ID = 200;

/**
 * What a complete registration stands for (contract/plugin-wire 2.4 "end", 2.5). Throws `bad_request` with the text of
 * the refusal.
 */
export async function debuggedPlugin(registration: Registration): Promise<DebuggedPlugin> {
  const { tenantId, transmitted, assets: files } = registration;
  const assembled = await assembleTransmitted(transmitted);
  let remapped: ReturnType<typeof remapIcons>;
  try {
    remapped = remapIcons(assembled, files);
    for (const id of remapped.assets.keys())
      if (id.length > MAX_ASSET_ID)
        throw new DaemonError("bad_request", "the extension of a file is too long");
  } catch (cause) {
    throw refusal("assets remap failed, invalid assets data, cannot remap", cause);
  }
  const { declaration, assets } = remapped;
  return identified({ tenantId, declaration, assets, assetIds: [...assets.keys()] });
}

/** The same for a declaration whose icons are asset ids already. Throws as `debuggedPlugin`. */
export function identified(plugin: Omit<DebuggedPlugin, "identifier">): DebuggedPlugin {
  const { tenantId, declaration } = plugin;
  const invalid = "register failed, invalid manifest detected";
  const broken = brokenRule(declaration);
  if (broken !== undefined) throw new DaemonError("bad_request", `${invalid}: ${broken}`);
  const checksum = new Bun.CryptoHasher("sha256")
    .update(JSON.stringify(declaration))
    .update(tenantId)
    .digest("hex");
  const { author, name, version } = declaration;
  try {
    return { ...plugin, identifier: requireIdentifier(`${author}/${name}:${version}@${checksum}`) };
  } catch (cause) {
    throw refusal(invalid, cause);
  }
}

function refusal(what: string, cause: unknown): DaemonError {
  return new DaemonError("bad_request", `${what}: ${errorMessage(cause)}`, { cause });
}
