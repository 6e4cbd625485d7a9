-- Functions that connectors have built, one for each version of a plugin.
CREATE TABLE serverless_runtimes (
  identifier TEXT NOT NULL PRIMARY KEY REFERENCES declarations (identifier) ON DELETE CASCADE,
  function_url TEXT NOT NULL,
  function_name TEXT NOT NULL,
  -- How it is spoken to: as the published SDK expects it, or in the plain form.
  protocol TEXT NOT NULL CHECK (protocol IN ('sdk', 'plain')),
  -- NULL: the one of the settings.
  signature_secret TEXT,
  checksum TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Why an installation runs where it runs, in words for its operator.
ALTER TABLE installations ADD COLUMN runtime_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE shadowed_installations ADD COLUMN runtime_reason TEXT NOT NULL DEFAULT '';

-- What functions said of their own effort; NULL where they said nothing.
ALTER TABLE sessions ADD COLUMN function_ms REAL;
ALTER TABLE sessions ADD COLUMN function_memory_mb REAL;
