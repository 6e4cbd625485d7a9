import type { Database } from "./database.ts";
import type { InstallationRecord } from "./installations.ts";
import type { RuntimeType, SwitchRuntime, SwitchVersion } from "./store.ts";

/** What is installed behind a debugging connection. */
export interface ShadowRecord {
  readonly tenant_id: string;
  readonly plugin_id: string;
  readonly identifier: string;
  readonly runtime_type: RuntimeType;
  readonly runtime_reason: string;
  readonly source: string;
  readonly meta: string;
}

/** The rows behind debugging connections. All of it runs inside the transaction of the caller. */
export interface Shadows {
  find(tenantId: string, pluginId: string): ShadowRecord | undefined;
  put(record: ShadowRecord): void;
  /** The row that was. */
  take(tenantId: string, pluginId: string): ShadowRecord | undefined;
  /** Undefined when the tenant has no such version behind a connection. */
  switchVersion(change: SwitchVersion): ShadowRecord | undefined;
  /** As `switchVersion`. */
  switchRuntime(change: SwitchRuntime): ShadowRecord | undefined;
  /** The row as it is without the connection. */
  restored(row: InstallationRecord, shadow: ShadowRecord): InstallationRecord;
}

export function prepareShadows(database: Database): Shadows {
  const one = database.prepare<ShadowRecord, { tenantId: string; pluginId: string }>(
    "SELECT * FROM shadowed_installations WHERE tenant_id = $tenantId AND plugin_id = $pluginId",
  );
  const insert = database.prepare<never>(
    `INSERT INTO shadowed_installations (tenant_id, plugin_id, identifier, runtime_type, runtime_reason, source, meta)
     VALUES ($tenantId, $pluginId, $identifier, $runtimeType, $runtimeReason, $source, $meta)`,
  );
  const remove = database.prepare<ShadowRecord, { tenantId: string; pluginId: string }>(
    "DELETE FROM shadowed_installations WHERE tenant_id = $tenantId AND plugin_id = $pluginId RETURNING *",
  );
  const point = database.prepare<ShadowRecord>(
    `UPDATE shadowed_installations SET identifier = $to, source = $source, meta = $meta
     WHERE tenant_id = $tenantId AND identifier = $from RETURNING *`,
  );
  const move = database.prepare<ShadowRecord>(
    `UPDATE shadowed_installations SET runtime_type = $runtimeType, runtime_reason = $runtimeReason
     WHERE tenant_id = $tenantId AND identifier = $identifier RETURNING *`,
  );
  return {
    find: (tenantId, pluginId) => one.get({ tenantId, pluginId }) ?? undefined,
    put({ tenant_id: tenantId, plugin_id: pluginId, identifier, source, meta, ...runs }) {
      const { runtime_type: runtimeType, runtime_reason: runtimeReason } = runs;
      insert.run({ tenantId, pluginId, identifier, runtimeType, runtimeReason, source, meta });
    },
    take: (tenantId, pluginId) => remove.get({ tenantId, pluginId }) ?? undefined,
    switchVersion: ({ tenantId, from, to, source, meta }) =>
      point.get({ tenantId, from, to, source, meta: JSON.stringify(meta) }) ?? undefined,
    switchRuntime: ({ tenantId, identifier, runtimeType, runtimeReason }) =>
      move.get({ tenantId, identifier, runtimeType, runtimeReason }) ?? undefined,
    restored: (row, { identifier, runtime_type, runtime_reason, source, meta }) => ({
      ...row,
      identifier,
      runtime_type,
      runtime_reason,
      source,
      meta,
    }),
  };
}
