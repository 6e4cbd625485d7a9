import type { Database } from "./database.ts";
import type { EndpointRow, EndpointStore } from "./store.ts";

interface EndpointRecord {
  readonly id: string;
  readonly hook_id: string;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly plugin_id: string;
  readonly name: string;
  readonly enabled: number;
  readonly settings: string;
  readonly created_at: number;
  readonly updated_at: number;
}

/** A type, because an interface does not fit into an index of names. */
type Named = { readonly tenantId: string; readonly id: string };

const NEWEST_FIRST = "ORDER BY created_at DESC, id DESC LIMIT $limit OFFSET $offset";

export interface EndpointStoreOptions {
  readonly now: () => Date;
  /** Told when the counters of an installation have changed. */
  readonly onCounted: () => void;
}

export function createEndpointStore(
  database: Database,
  { now, onCounted }: EndpointStoreOptions,
): EndpointStore {
  const insert = database.prepare<EndpointRecord>(
    `INSERT INTO endpoints
       (id, hook_id, tenant_id, user_id, plugin_id, name, enabled, settings, created_at, updated_at)
     SELECT $id, $hookId, $tenantId, $userId, $pluginId, $name, 1, $settings, $at, $at
     WHERE EXISTS (SELECT 1 FROM installations WHERE tenant_id = $tenantId AND plugin_id = $pluginId)
     RETURNING *`,
  );
  const byHook = database.prepare<EndpointRecord, { hookId: string }>(
    "SELECT * FROM endpoints WHERE hook_id = $hookId",
  );
  const byId = database.prepare<EndpointRecord, Named>(
    "SELECT * FROM endpoints WHERE id = $id AND tenant_id = $tenantId",
  );
  const ofTenant = database.prepare<EndpointRecord, { tenantId: string; limit: number; offset: number }>(
    `SELECT * FROM endpoints WHERE tenant_id = $tenantId ${NEWEST_FIRST}`,
  );
  const ofPlugin = database.prepare<
    EndpointRecord,
    { tenantId: string; pluginId: string; limit: number; offset: number }
  >(`SELECT * FROM endpoints WHERE tenant_id = $tenantId AND plugin_id = $pluginId ${NEWEST_FIRST}`);
  const change = database.prepare<EndpointRecord>(
    `UPDATE endpoints SET name = $name, settings = $settings, updated_at = $at
     WHERE id = $id AND tenant_id = $tenantId RETURNING *`,
  );
  const enable = database.prepare<EndpointRecord>(
    `UPDATE endpoints SET enabled = $enabled, updated_at = $at
     WHERE id = $id AND tenant_id = $tenantId AND enabled <> $enabled RETURNING *`,
  );
  const remove = database.prepare<EndpointRecord, Named>(
    "DELETE FROM endpoints WHERE id = $id AND tenant_id = $tenantId RETURNING *",
  );
  // Counted anew, not by steps: whatever happened before, they are right afterwards.
  const count = database.prepare<never, { tenantId: string; pluginId: string }>(
    `UPDATE installations SET (endpoints_setups, endpoints_active) = (
       SELECT count(*), coalesce(sum(enabled), 0) FROM endpoints
       WHERE tenant_id = $tenantId AND plugin_id = $pluginId
     )
     WHERE tenant_id = $tenantId AND plugin_id = $pluginId`,
  );

  /** Runs it as one transaction together with the counters of the plugin whose row it answers. */
  async function counted(work: () => EndpointRecord | null): Promise<EndpointRow | undefined> {
    const row = await database.write(() => {
      const record = work();
      if (!record) return undefined;
      count.run({ tenantId: record.tenant_id, pluginId: record.plugin_id });
      return toEndpoint(record);
    });
    if (row) onCounted();
    return row;
  }

  return {
    add: ({ id, hookId, tenantId, userId, pluginId, name, settings }) =>
      counted(() =>
        insert.get({ id, hookId, tenantId, userId, pluginId, name, settings, at: now().getTime() }),
      ),
    byHook: (hookId) => database.read(() => optional(byHook.get({ hookId }))),
    byId: (tenantId, id) => database.read(() => optional(byId.get({ tenantId, id }))),
    list: (tenantId, { limit, offset }) =>
      database.read(() => ofTenant.all({ tenantId, limit, offset }).map(toEndpoint)),
    listOfPlugin: (tenantId, pluginId, { limit, offset }) =>
      database.read(() => ofPlugin.all({ tenantId, pluginId, limit, offset }).map(toEndpoint)),
    update: (tenantId, id, { name, settings }) =>
      database.write(() => change.get({ tenantId, id, name, settings, at: now().getTime() }) !== null),
    async setEnabled(tenantId, id, enabled) {
      const changed = await counted(() =>
        enable.get({ tenantId, id, enabled: enabled ? 1 : 0, at: now().getTime() }),
      );
      return changed !== undefined || (await database.read(() => byId.get({ tenantId, id }) !== null));
    },
    remove: (tenantId, id) => counted(() => remove.get({ tenantId, id })),
  };
}

function optional(record: EndpointRecord | null): EndpointRow | undefined {
  return record ? toEndpoint(record) : undefined;
}

function toEndpoint(record: EndpointRecord): EndpointRow {
  return {
    id: record.id,
    hookId: record.hook_id,
    tenantId: record.tenant_id,
    userId: record.user_id,
    pluginId: record.plugin_id,
    name: record.name,
    enabled: record.enabled === 1,
    settings: record.settings,
    createdAt: new Date(record.created_at),
    updatedAt: new Date(record.updated_at),
  };
}
