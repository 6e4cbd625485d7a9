import { uuidV7 } from "../lib/uuid-v7.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { Database } from "./database.ts";
import type { Usage } from "./declaration-usage.ts";
import { prepareShadows, type ShadowRecord } from "./shadows.ts";
import type { InstallationRow, InstallationStore, NewInstallation, RuntimeType } from "./store.ts";

/** A row of the table. */
export interface InstallationRecord {
  readonly id: string;
  readonly tenant_id: string;
  readonly plugin_id: string;
  readonly identifier: string;
  readonly runtime_type: RuntimeType;
  readonly runtime_reason: string;
  readonly source: string;
  readonly meta: string;
  readonly endpoints_setups: number;
  readonly endpoints_active: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export function createInstallationStore(
  database: Database,
  { now, usage }: { readonly now: () => Date; readonly usage: Usage },
): InstallationStore {
  // Endpoints of an earlier installation are there again.
  const insert = database.prepare<InstallationRecord>(
    `INSERT INTO installations
       (id, tenant_id, plugin_id, identifier, runtime_type, runtime_reason, source, meta, created_at, updated_at,
        endpoints_setups, endpoints_active)
     SELECT $id, $tenantId, $pluginId, $identifier, $runtimeType, $runtimeReason, $source, $meta, $at, $at,
       count(*), coalesce(sum(enabled), 0)
     FROM endpoints WHERE tenant_id = $tenantId AND plugin_id = $pluginId
     ON CONFLICT (tenant_id, plugin_id) DO NOTHING
     RETURNING *`,
  );
  const byPlugin = database.prepare<InstallationRecord, { tenantId: string; pluginId: string }>(
    "SELECT * FROM installations WHERE tenant_id = $tenantId AND plugin_id = $pluginId",
  );
  const byId = database.prepare<InstallationRecord, { tenantId: string; id: string }>(
    "SELECT * FROM installations WHERE id = $id AND tenant_id = $tenantId",
  );
  const page = database.prepare<InstallationRecord, { tenantId: string; limit: number; offset: number }>(
    `SELECT * FROM installations WHERE tenant_id = $tenantId
     ORDER BY created_at DESC, id DESC LIMIT $limit OFFSET $offset`,
  );
  const count = database.prepare<{ total: number }, { tenantId: string }>(
    "SELECT count(*) AS total FROM installations WHERE tenant_id = $tenantId",
  );
  const byPlugins = database.prepare<InstallationRecord, { tenantId: string; pluginIds: string }>(
    `SELECT * FROM installations WHERE tenant_id = $tenantId
     AND plugin_id IN (SELECT value FROM json_each($pluginIds))
     ORDER BY created_at DESC, id DESC`,
  );
  const point = database.prepare<InstallationRecord>(
    `UPDATE installations SET identifier = $to, source = $source, meta = $meta, updated_at = $at
     WHERE tenant_id = $tenantId AND identifier = $from
     RETURNING *`,
  );
  const ofTenant = database.prepare<{ found: number }, { tenantId: string; identifier: string }>(
    "SELECT 1 AS found FROM installations WHERE identifier = $identifier AND tenant_id = $tenantId",
  );
  const remove = database.prepare<InstallationRecord, { tenantId: string; id: string }>(
    "DELETE FROM installations WHERE id = $id AND tenant_id = $tenantId RETURNING *",
  );
  const anyOf = database.prepare<{ runtime_type: RuntimeType }, { identifier: string }>(
    `SELECT runtime_type FROM installations WHERE identifier = $identifier
     UNION ALL SELECT runtime_type FROM shadowed_installations WHERE identifier = $identifier LIMIT 1`,
  );
  const repoint = database.prepare<InstallationRecord>(
    `UPDATE installations SET identifier = $identifier, runtime_type = $runtimeType, runtime_reason = $runtimeReason,
       source = $source, meta = $meta, updated_at = $at
     WHERE tenant_id = $tenantId AND plugin_id = $pluginId
     RETURNING *`,
  );
  const remotes = database.prepare<InstallationRecord, Record<string, never>>(
    "SELECT * FROM installations WHERE runtime_type = 'remote'",
  );
  const anyThere = database.prepare<{ found: number }, { identifier: string; runtimeType: RuntimeType }>(
    `SELECT 1 AS found FROM installations WHERE identifier = $identifier AND runtime_type = $runtimeType
     UNION ALL
     SELECT 1 FROM shadowed_installations WHERE identifier = $identifier AND runtime_type = $runtimeType LIMIT 1`,
  );
  const moveTo = database.prepare<InstallationRecord>(
    `UPDATE installations SET runtime_type = $runtimeType, runtime_reason = $runtimeReason, updated_at = $at
     WHERE tenant_id = $tenantId AND identifier = $identifier AND runtime_type <> 'remote'
     RETURNING *`,
  );
  const ofRuntime = database.prepare<
    { identifier: string; last_used_at: number | null },
    { runtimeType: RuntimeType }
  >(
    `SELECT u.identifier, u.last_used_at FROM declaration_usage AS u
     WHERE EXISTS (
       SELECT 1 FROM installations AS i
       WHERE i.identifier = u.identifier AND i.runtime_type = $runtimeType
     )
     ORDER BY u.last_used_at DESC NULLS LAST, u.identifier`,
  );
  const shadows = prepareShadows(database);
  const isUploaded = database.prepare<{ found: number }, { identifier: string }>(
    "SELECT 1 AS found FROM declarations WHERE identifier = $identifier",
  );

  function requireUploaded(identifier: string): void {
    if (isUploaded.get({ identifier })) return;
    throw new DaemonError("internal", `Cannot install "${identifier}": its declaration is not stored`, {
      hint: "Upload the package again, then install it",
    });
  }

  /** Was this the last installation? Then the time until its package is collected begins. */
  function release(identifier: string): boolean {
    if (anyOf.get({ identifier })) return false;
    usage.released(identifier, now().getTime());
    return true;
  }

  function insertNew(given: NewInstallation): InstallationRecord {
    const { tenantId, pluginId, identifier, runtimeType, source } = given;
    const at = now();
    const row = insert.get({
      id: uuidV7(at),
      tenantId,
      pluginId,
      identifier,
      runtimeType,
      runtimeReason: given.runtimeReason ?? "",
      source,
      meta: JSON.stringify(given.meta),
      at: at.getTime(),
    });
    if (!row) throw new Error("an insert answered no row");
    return row;
  }

  /** What is installed, behind a debugging connection or not. */
  function behind(row: InstallationRecord): InstallationRecord | undefined {
    if (row.runtime_type !== "remote") return row;
    const shadow = shadows.find(row.tenant_id, row.plugin_id);
    return shadow && shadows.restored(row, shadow);
  }

  /** The row becomes what is behind it, or goes. */
  function giveBack(row: InstallationRecord): void {
    const { tenant_id: tenantId, plugin_id: pluginId } = row;
    const shadow = shadows.take(tenantId, pluginId);
    if (shadow) repointTo(shadow);
    else remove.get({ tenantId, id: row.id });
    release(row.identifier);
  }

  function repointTo(to: ShadowRecord): InstallationRecord {
    const row = repoint.get({
      tenantId: to.tenant_id,
      pluginId: to.plugin_id,
      identifier: to.identifier,
      runtimeType: to.runtime_type,
      runtimeReason: to.runtime_reason,
      source: to.source,
      meta: to.meta,
      at: now().getTime(),
    });
    if (!row) throw new Error("an update answered no row");
    return row;
  }

  return {
    add: (installation) =>
      database.write(() => {
        const { tenantId, pluginId, identifier, runtimeType, source } = installation;
        const there = byPlugin.get({ tenantId, pluginId });
        const installed = there && behind(there);
        if (installed) return { row: toInstallation(installed), created: false };
        requireUploaded(identifier);
        if (!there) return { row: toInstallation(insertNew(installation)), created: true };
        const shadow = {
          tenant_id: tenantId,
          plugin_id: pluginId,
          identifier,
          runtime_type: runtimeType,
          runtime_reason: installation.runtimeReason ?? "",
          source,
          meta: JSON.stringify(installation.meta),
        };
        shadows.put(shadow);
        return { row: toInstallation(shadows.restored(there, shadow)), created: true };
      }),
    installed: (tenantId, pluginId) =>
      database.read(() => {
        const row = byPlugin.get({ tenantId, pluginId });
        return optional(row && (behind(row) ?? null));
      }),
    shadow: ({ tenantId, pluginId, identifier }) =>
      database.write(() => {
        requireUploaded(identifier);
        const remote = { runtimeType: "remote", source: "remote" } as const;
        const there = byPlugin.get({ tenantId, pluginId });
        if (!there) return toInstallation(insertNew({ tenantId, pluginId, identifier, ...remote, meta: {} }));
        if (there.identifier === identifier) return toInstallation(there);
        if (there.runtime_type !== "remote") shadows.put(there);
        const row = repointTo({
          tenant_id: tenantId,
          plugin_id: pluginId,
          identifier,
          runtime_type: "remote",
          runtime_reason: "",
          source: "remote",
          meta: "{}",
        });
        if (there.runtime_type === "remote") release(there.identifier);
        return toInstallation(row);
      }),
    unshadow: (tenantId, pluginId) =>
      database.write(() => {
        const row = byPlugin.get({ tenantId, pluginId });
        if (row?.runtime_type === "remote") giveBack(row);
      }),
    unshadowAll: () =>
      database.write(() => {
        const rows = remotes.all({});
        for (const row of rows) giveBack(row);
        return rows.length;
      }),
    find: (tenantId, pluginId) => database.read(() => optional(byPlugin.get({ tenantId, pluginId }))),
    byId: (tenantId, id) => database.read(() => optional(byId.get({ tenantId, id }))),
    list: (tenantId, { offset, limit }) =>
      database.read(() => ({
        rows: page.all({ tenantId, limit, offset }).map(toInstallation),
        total: count.get({ tenantId })?.total ?? 0,
      })),
    byPluginIds: (tenantId, pluginIds) =>
      database.read(() =>
        byPlugins.all({ tenantId, pluginIds: JSON.stringify(pluginIds) }).map(toInstallation),
      ),
    switchVersion: ({ tenantId, from, to, source, meta }) =>
      database.write(() => {
        const shadow = shadows.switchVersion({ tenantId, from, to, source, meta });
        if (!shadow && !ofTenant.get({ tenantId, identifier: from })) return undefined;
        requireUploaded(to);
        if (shadow) {
          const shadowing = byPlugin.get({ tenantId, pluginId: shadow.plugin_id });
          if (!shadowing) throw new Error("a shadowed installation has no row");
          usage.inherited(from, to);
          return { row: toInstallation(shadows.restored(shadowing, shadow)), lastOfOld: release(from) };
        }
        const at = now().getTime();
        const row = point.get({ tenantId, from, to, source, meta: JSON.stringify(meta), at });
        if (!row) return undefined;
        usage.inherited(from, to);
        return { row: toInstallation(row), lastOfOld: release(from) };
      }),
    remove: (tenantId, id) =>
      database.write(() => {
        const there = byId.get({ tenantId, id });
        const row =
          there?.runtime_type === "remote"
            ? shadows.take(tenantId, there.plugin_id)
            : remove.get({ tenantId, id });
        if (!row) return undefined;
        return { identifier: row.identifier, pluginId: row.plugin_id, last: release(row.identifier) };
      }),
    switchRuntime: ({ tenantId, identifier, runtimeType, runtimeReason }) =>
      database.write(() => {
        const change = { tenantId, identifier, runtimeType, runtimeReason };
        const shadow = shadows.switchRuntime(change);
        if (!shadow) return optional(moveTo.get({ ...change, at: now().getTime() }));
        const shadowing = byPlugin.get({ tenantId, pluginId: shadow.plugin_id });
        return shadowing ? toInstallation(shadows.restored(shadowing, shadow)) : undefined;
      }),
    isInstalled: (identifier, runtimeType) =>
      database.read(() =>
        runtimeType === undefined
          ? anyOf.get({ identifier }) !== null
          : anyThere.get({ identifier, runtimeType }) !== null,
      ),
    runtimeTypeOf: (identifier) => database.read(() => anyOf.get({ identifier })?.runtime_type),
    identifiers: (runtimeType) =>
      database.read(() =>
        ofRuntime.all({ runtimeType }).map((row) => ({
          identifier: row.identifier,
          lastUsedAt: row.last_used_at === null ? null : new Date(row.last_used_at),
        })),
      ),
    touch: (identifiers, at) =>
      database.write(() => {
        for (const identifier of identifiers) usage.used(identifier, at.getTime());
      }),
  };
}

function optional(row: InstallationRecord | null): InstallationRow | undefined {
  return row ? toInstallation(row) : undefined;
}

export function toInstallation(row: InstallationRecord): InstallationRow {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    pluginId: row.plugin_id,
    identifier: row.identifier,
    runtimeType: row.runtime_type,
    runtimeReason: row.runtime_reason,
    source: row.source,
    meta: JSON.parse(row.meta),
    endpointsSetups: row.endpoints_setups,
    endpointsActive: row.endpoints_active,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  };
}
