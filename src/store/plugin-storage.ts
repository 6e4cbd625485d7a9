import type { Database } from "./database.ts";
import type { PluginStorageStore } from "./store.ts";

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
