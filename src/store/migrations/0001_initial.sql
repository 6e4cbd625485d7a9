-- Times are milliseconds since 1970. JSON is text. Rows of the same time are ordered by their id (UUID v7).

-- Uploaded plugins. One row is one reference to the package of the same identifier.
CREATE TABLE declarations (
  identifier TEXT NOT NULL PRIMARY KEY,
  plugin_id TEXT NOT NULL,
  category TEXT NOT NULL,
  verification TEXT,
  package_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  declaration TEXT NOT NULL
) STRICT;

-- References to assets.
CREATE TABLE declaration_assets (
  identifier TEXT NOT NULL REFERENCES declarations (identifier) ON DELETE CASCADE,
  asset_id TEXT NOT NULL,
  PRIMARY KEY (identifier, asset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX declaration_assets_by_asset ON declaration_assets (asset_id);

-- Apart from declarations, because it changes often and their rows are large.
CREATE TABLE declaration_usage (
  identifier TEXT NOT NULL PRIMARY KEY REFERENCES declarations (identifier) ON DELETE CASCADE,
  unused_since INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE installations (
  id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  identifier TEXT NOT NULL REFERENCES declarations (identifier),
  runtime_type TEXT NOT NULL,
  source TEXT NOT NULL,
  meta TEXT NOT NULL,
  endpoints_setups INTEGER NOT NULL DEFAULT 0,
  endpoints_active INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (tenant_id, plugin_id)
) STRICT;
CREATE INDEX installations_by_identifier ON installations (identifier);
CREATE INDEX installations_newest ON installations (tenant_id, created_at, id);

CREATE TABLE tasks (
  id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failed')),
  succeeded_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_newest ON tasks (tenant_id, created_at, id);
CREATE INDEX tasks_succeeded ON tasks (succeeded_at) WHERE succeeded_at IS NOT NULL;

CREATE TABLE task_items (
  task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  identifier TEXT NOT NULL,
  position INTEGER NOT NULL,
  plugin_id TEXT NOT NULL,
  labels TEXT NOT NULL,
  icon TEXT NOT NULL,
  icon_dark TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'success', 'failed')),
  message TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (task_id, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_items_unfinished ON task_items (identifier) WHERE status IN ('pending', 'running');

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  plugin_id TEXT NOT NULL,
  identifier TEXT NOT NULL,
  runtime_type TEXT NOT NULL,
  type TEXT NOT NULL,
  action TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  last_active_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT,
  items INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_newest ON sessions (started_at, id);
-- Also finds the ones that run: NULL comes first.
CREATE INDEX sessions_by_end ON sessions (ended_at);
