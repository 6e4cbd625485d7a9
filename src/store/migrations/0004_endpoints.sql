-- Webhook addresses of installed plugins. They outlive an uninstallation: a later one finds them again.
CREATE TABLE endpoints (
  id TEXT NOT NULL PRIMARY KEY,
  hook_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  name TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  settings TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX endpoints_newest ON endpoints (tenant_id, created_at, id);
CREATE INDEX endpoints_of_plugin ON endpoints (tenant_id, plugin_id, created_at, id);
