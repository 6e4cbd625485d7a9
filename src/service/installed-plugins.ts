import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { DeclarationStore, InstallationStore } from "../store/store.ts";

/** An identifier that a tenant lacks; `current_identifier` is the version that it has in its place, or empty. */
export interface MissingPlugin {
  readonly plugin_unique_identifier: string;
  readonly current_identifier: string;
}

export interface InstalledPlugins {
  /** Those that are not installed in exactly this version. */
  missing(tenantId: string, identifiers: readonly string[]): Promise<readonly MissingPlugin[]>;
  /** The stored declaration, also of packages that nobody has installed. Throws `bad_request` with `plugin not found`. */
  manifest(identifier: string): Promise<PluginDeclaration>;
  /** Has any tenant installed exactly this? */
  isInstalled(identifier: string): Promise<boolean>;
}

export interface InstalledPluginsDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "find" | "installed" | "isInstalled">;
}

export function createInstalledPlugins(deps: InstalledPluginsDeps): InstalledPlugins {
  const { declarations, installations } = deps;
  return {
    async missing(tenantId, identifiers) {
      const found = await Promise.all(
        identifiers.map(async (identifier) => {
          const { pluginId } = requireIdentifier(identifier);
          // Behind a debugging connection it is not missing either.
          const installed = await installations.installed(tenantId, pluginId);
          const row =
            installed?.identifier === identifier ? installed : await installations.find(tenantId, pluginId);
          return { plugin_unique_identifier: identifier, current_identifier: row?.identifier ?? "" };
        }),
      );
      return found.filter((plugin) => plugin.current_identifier !== plugin.plugin_unique_identifier);
    },
    async manifest(identifier) {
      const row = await declarations.get(identifier);
      if (!row) throw new DaemonError("bad_request", "plugin not found");
      return row.declaration;
    },
    isInstalled: (identifier) => installations.isInstalled(identifier),
  };
}
