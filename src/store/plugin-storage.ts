import type { CommitMode, Database } from "./database.ts";
import type { PluginStorageStore, StorageContent, StoredChange } from "./store.ts";

interface ChangeRow {
  readonly tenant_id: string;
  readonly plugin_id: string;
  readonly key: string;
  readonly version: number;
  readonly value: Uint8Array | null;
  readonly staged_file: string | null;
  readonly bytes: number;
}

export function createPluginStorageStore(
  database: Database,
  { mode }: { readonly mode: CommitMode },
): PluginStorageStore {
  const addBytes = database.prepare<never>(
    `INSERT INTO plugin_storage (tenant_id, plugin_id, bytes) VALUES ($tenantId, $pluginId, $deltaBytes)
     ON CONFLICT DO UPDATE SET bytes = bytes + $deltaBytes`,
  );
  const setBytes = database.prepare<never>(
    `INSERT INTO plugin_storage (tenant_id, plugin_id, bytes) VALUES ($tenantId, $pluginId, $bytes)
     ON CONFLICT DO UPDATE SET bytes = $bytes`,
  );
  const bytesOf = database.prepare<{ bytes: number }>(
    "SELECT bytes FROM plugin_storage WHERE tenant_id = $tenantId AND plugin_id = $pluginId",
  );
  const upsert = database.prepare<never>(
    `INSERT INTO plugin_storage_changes (tenant_id, plugin_id, key, version, value, staged_file, bytes)
     VALUES ($tenantId, $pluginId, $key, $version, $value, $stagedFile, $bytes)
     ON CONFLICT DO UPDATE SET
       version = excluded.version, value = excluded.value, staged_file = excluded.staged_file, bytes = excluded.bytes`,
  );
  const remove = database.prepare<never>(
    `DELETE FROM plugin_storage_changes
     WHERE tenant_id = $tenantId AND plugin_id = $pluginId AND key = $key AND version = $version`,
  );
  const all = database.prepare<ChangeRow>("SELECT * FROM plugin_storage_changes ORDER BY version");
  const newest = database.prepare<{ version: number }>(
    "SELECT coalesce(max(version), 0) AS version FROM plugin_storage_changes",
  );
  let version: number | undefined;

  return {
    commit: ({ tenantId, pluginId, key, content, deltaBytes }) =>
      database.write(
        () => {
          version = (version ?? newest.get({})?.version ?? 0) + 1;
          addBytes.run({ tenantId, pluginId, deltaBytes });
          upsert.run({ tenantId, pluginId, key, version, ...toColumns(content) });
          return version;
        },
        { mode },
      ),
    settle: (changes) =>
      database.write(
        () => {
          for (const { tenantId, pluginId, key, version: settled } of changes)
            remove.run({ tenantId, pluginId, key, version: settled });
        },
        // Lost in a power cut, it is only done once more.
        { mode: "normal" },
      ),
    changes: () => database.read(() => all.all({}).map(toChange)),
    bytes: ({ tenantId, pluginId }) => database.read(() => bytesOf.get({ tenantId, pluginId })?.bytes),
    setBytes: ({ tenantId, pluginId }, bytes) =>
      database.write(() => void setBytes.run({ tenantId, pluginId, bytes }), { mode }),
  };
}

function toColumns(content: StorageContent) {
  switch (content.kind) {
    case "bytes":
      return { value: content.value, stagedFile: null, bytes: content.value.length };
    case "file":
      return { value: null, stagedFile: content.name, bytes: content.bytes };
    case "deleted":
      return { value: null, stagedFile: null, bytes: 0 };
  }
}

function toChange(row: ChangeRow): StoredChange {
  return {
    tenantId: row.tenant_id,
    pluginId: row.plugin_id,
    key: row.key,
    version: row.version,
    content: toContent(row),
  };
}

function toContent({ value, staged_file: name, bytes }: ChangeRow): StorageContent {
  if (value !== null) return { kind: "bytes", value };
  return name === null ? { kind: "deleted" } : { kind: "file", name, bytes };
}
