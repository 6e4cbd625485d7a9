import type { Database } from "./database.ts";

/** Whose values: they are kept by plugin id, so that an upgrade, or an uninstallation, leaves them. */
export interface StorageScope {
  readonly tenantId: string;
  /** `author/name`. */
  readonly pluginId: string;
}

/** How much plugins keep; the values are files. */
export interface PluginStorageStore {
  /** As it was noted last, a moment after the last change; undefined when nothing was ever stored. */
  bytes(scope: StorageScope): Promise<number | undefined>;
  setBytes(scope: StorageScope, bytes: number): Promise<void>;
}

export function createPluginStorageStore(database: Database): PluginStorageStore {
  const upsert = database.prepare<never>(
    `INSERT INTO plugin_storage (tenant_id, plugin_id, bytes) VALUES ($tenantId, $pluginId, $bytes)
     ON CONFLICT DO UPDATE SET bytes = $bytes`,
  );
  const find = database.prepare<{ bytes: number }>(
    "SELECT bytes FROM plugin_storage WHERE tenant_id = $tenantId AND plugin_id = $pluginId",
  );
  return {
    bytes: ({ tenantId, pluginId }) => database.read(() => find.get({ tenantId, pluginId })?.bytes),
    setBytes: ({ tenantId, pluginId }, bytes) =>
      // It is counted anew after a power cut, and is not worth standing still for.
      database.write(() => void upsert.run({ tenantId, pluginId, bytes }), { mode: "normal" }),
  };
}
