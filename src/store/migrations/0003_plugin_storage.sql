-- How much a plugin keeps for a tenant; always the sum of its values, as it is written together with each of them.
CREATE TABLE plugin_storage (
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id)
) STRICT, WITHOUT ROWID;

-- Values that were stored or deleted, and have not reached their files yet. With neither a value nor the name of a
-- file that holds it, the key was deleted.
CREATE TABLE plugin_storage_changes (
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  value BLOB,
  staged_file TEXT,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id, key)
) STRICT;
