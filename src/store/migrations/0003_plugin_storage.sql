-- How much a plugin keeps for a tenant, as it was counted last. The values themselves are files.
CREATE TABLE plugin_storage (
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id)
) STRICT, WITHOUT ROWID;
