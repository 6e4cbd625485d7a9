import type { Logger } from "../lib/logger.ts";
import type { InstalledDeclaration } from "../runtime/debug/auth.ts";
import type { DebuggedPlugin } from "../runtime/debug/debugged-plugin.ts";
import { createDebugRuntimes, type DebugRuntimes } from "../runtime/debug/debug-runtimes.ts";
import type { DeclarationStore, InstallationRow, InstallationStore } from "../store/store.ts";
import type { Metrics } from "./metrics.ts";
import type { PackageGuard } from "./package-guard.ts";
import type { StorePackages } from "./store-packages.ts";

export interface DebugPluginsDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "find" | "list" | "shadow" | "unshadow">;
  readonly store: StorePackages;
  readonly guard: PackageGuard;
  readonly metrics: Metrics;
  /** How long the place of a client that was disconnected is kept, in milliseconds. */
  readonly graceMs: number;
  readonly log: Logger;
  /** The log of what serves a plugin over a connection. */
  logOf(plugin: DebuggedPlugin): Logger;
}

/** Plugins of developers' connections, as lists and look-ups of their tenants show them (contract/lifecycle 6.4). */
export interface DebugPlugins {
  readonly runtimes: DebugRuntimes;
  /** Under a plugin id, or under a name without its author where only one has it. */
  installed(tenantId: string, pluginId: string): Promise<InstalledDeclaration | undefined>;
}

/** Installations of a tenant that are looked through for a name. */
const MAX_NAMED = 1000;

export function createDebugPlugins(deps: DebugPluginsDeps): DebugPlugins {
  const { declarations, installations, metrics } = deps;
  /** Plugin id → tenants that debug it. */
  const debugged = new Map<string, Set<string>>();

  function count(): void {
    let all = 0;
    for (const [pluginId, tenants] of debugged) {
      all += tenants.size;
      metrics.runtimeStatus.set({ plugin_id: pluginId, runtime_type: "remote" }, tenants.size > 0 ? 1 : 0);
      if (tenants.size === 0) debugged.delete(pluginId);
    }
    metrics.activePlugins.set({ runtime_type: "remote" }, all);
  }

  async function connected(plugin: DebuggedPlugin): Promise<void> {
    const { tenantId, declaration, assets, assetIds } = plugin;
    const identifier = plugin.identifier.text;
    const { pluginId } = plugin.identifier;
    // Nobody collects it between its upload and the row that needs it.
    const release = deps.guard.hold(identifier);
    try {
      let sizeBytes = 0;
      for (const bytes of assets.values()) sizeBytes += bytes.byteLength;
      await deps.store([
        {
          identifier: plugin.identifier,
          declaration,
          verification: null,
          assetIds,
          sizeBytes,
          content: () => Promise.resolve({ bytes: undefined, assets }),
        },
      ]);
      await installations.shadow({ tenantId, pluginId, identifier });
    } finally {
      release();
    }
    debugged.set(pluginId, (debugged.get(pluginId) ?? new Set()).add(tenantId));
    count();
  }

  async function named(tenantId: string, name: string): Promise<InstallationRow | undefined> {
    if (name.includes("/")) return undefined;
    const { rows } = await installations.list(tenantId, { offset: 0, limit: MAX_NAMED });
    const [only, ...others] = rows.filter(({ pluginId }) => pluginId.endsWith(`/${name}`));
    return others.length === 0 ? only : undefined;
  }

  async function gone(tenantId: string, pluginId: string): Promise<void> {
    await installations.unshadow(tenantId, pluginId);
    debugged.get(pluginId)?.delete(tenantId);
    count();
  }

  return {
    runtimes: createDebugRuntimes({
      records: { connected, gone },
      graceMs: deps.graceMs,
      log: deps.log,
      logOf: deps.logOf,
    }),
    async installed(tenantId, pluginId) {
      const row = (await installations.find(tenantId, pluginId)) ?? (await named(tenantId, pluginId));
      return row && declarations.get(row.identifier);
    },
  };
}
