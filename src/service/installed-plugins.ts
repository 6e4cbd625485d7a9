import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type {
  DeclarationStore,
  InstallationStore,
  InstalledPlugin,
  Page,
  RuntimeType,
} from "../store/store.ts";

/** What both forms of an installation show (contract/http-api 3.4.3). Times are RFC 3339. */
export interface InstallationFields {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tenant_id: string;
  readonly plugin_id: string;
  readonly plugin_unique_identifier: string;
  readonly runtime_type: RuntimeType;
  readonly endpoints_setups: number;
  readonly endpoints_active: number;
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly version: string;
  readonly checksum: string;
  readonly declaration: PluginDeclaration;
}

/** An installation in lists; `installation_id` equals `id`. */
export interface ListedInstallation extends InstallationFields {
  readonly name: string;
  readonly installation_id: string;
}

/** An identifier that a tenant lacks; `current_identifier` is the version that it has in its place, or empty. */
export interface MissingPlugin {
  readonly plugin_unique_identifier: string;
  readonly current_identifier: string;
}

export interface InstalledPlugins {
  /** Newest first. */
  list(
    tenantId: string,
    page: Page,
  ): Promise<{ readonly list: readonly ListedInstallation[]; readonly total: number }>;
  byPluginIds(tenantId: string, pluginIds: readonly string[]): Promise<readonly InstallationFields[]>;
  /** Those that are not installed in exactly this version. */
  missing(tenantId: string, identifiers: readonly string[]): Promise<readonly MissingPlugin[]>;
  /** The stored declaration, also of packages that nobody has installed. Throws `bad_request` with `plugin not found`. */
  manifest(identifier: string): Promise<PluginDeclaration>;
  /** Has any tenant installed exactly this? */
  isInstalled(identifier: string): Promise<boolean>;
}

export interface InstalledPluginsDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "list" | "byPluginIds" | "find" | "isInstalled">;
}

export function createInstalledPlugins(deps: InstalledPluginsDeps): InstalledPlugins {
  const { declarations, installations } = deps;
  return {
    async list(tenantId, page) {
      const { rows, total } = await installations.list(tenantId, page);
      return { list: rows.map(listed), total };
    },
    async byPluginIds(tenantId, pluginIds) {
      if (pluginIds.length === 0) return [];
      return (await installations.byPluginIds(tenantId, pluginIds)).map(fields);
    },
    async missing(tenantId, identifiers) {
      const found = await Promise.all(
        identifiers.map(async (identifier) => {
          const row = await installations.find(tenantId, requireIdentifier(identifier).pluginId);
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

function fields(row: InstalledPlugin): InstallationFields {
  const { version, checksum } = requireIdentifier(row.identifier);
  return {
    id: row.id,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    tenant_id: row.tenantId,
    plugin_id: row.pluginId,
    plugin_unique_identifier: row.identifier,
    runtime_type: row.runtimeType,
    endpoints_setups: row.endpointsSetups,
    endpoints_active: row.endpointsActive,
    source: row.source,
    meta: row.meta,
    version,
    checksum,
    declaration: row.declaration,
  };
}

function listed(row: InstalledPlugin): ListedInstallation {
  return { ...fields(row), name: row.declaration.name, installation_id: row.id };
}
