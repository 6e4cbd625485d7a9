-- Keys with which developers connect their plugins, one for each tenant.
CREATE TABLE debug_keys (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  key TEXT NOT NULL,
  -- SHA-256 of the key, by which it is looked up: how long that takes tells nothing of the key.
  key_hash TEXT NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is installed behind a debugging connection, whose version stands in the row of the installation meanwhile.
CREATE TABLE shadowed_installations (
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  identifier TEXT NOT NULL REFERENCES declarations (identifier),
  runtime_type TEXT NOT NULL,
  source TEXT NOT NULL,
  meta TEXT NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shadowed_installations_by_identifier ON shadowed_installations (identifier);
