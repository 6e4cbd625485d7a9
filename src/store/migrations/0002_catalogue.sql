-- What lists show and search, apart from declarations, whose rows are large. All of it is written with a declaration.

CREATE TABLE declaration_summaries (
  identifier TEXT NOT NULL PRIMARY KEY REFERENCES declarations (identifier) ON DELETE CASCADE,
  label TEXT NOT NULL,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,
  meta TEXT NOT NULL,
  verified INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO declaration_summaries
SELECT
  identifier,
  coalesce(declaration -> '$.label', '{}'),
  coalesce(declaration -> '$.description', '{}'),
  coalesce(declaration -> '$.tags', '[]'),
  coalesce(declaration -> '$.meta', '{}'),
  coalesce(declaration ->> '$.verified', 0)
FROM declarations;

-- The providers of a plugin, and where in the bytes of its declaration each one stands.
CREATE TABLE declaration_providers (
  identifier TEXT NOT NULL REFERENCES declarations (identifier) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  start INTEGER NOT NULL,
  length INTEGER NOT NULL,
  PRIMARY KEY (identifier, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO declaration_providers
SELECT identifier, kind, provider, instr(text, member) - 1, length(member)
FROM (
  SELECT
    d.identifier,
    kinds.kind,
    coalesce(d.declaration ->> kinds.name, '') AS provider,
    CAST(d.declaration AS BLOB) AS text,
    CAST(d.declaration -> ('$.' || kinds.kind) AS BLOB) AS member
  FROM declarations AS d CROSS JOIN (
    SELECT 'tool' AS kind, '$.tool.identity.name' AS name
    UNION ALL SELECT 'model', '$.model.provider'
    UNION ALL SELECT 'agent_strategy', '$.agent_strategy.identity.name'
    UNION ALL SELECT 'datasource', '$.datasource.identity.name'
    UNION ALL SELECT 'trigger', '$.trigger.identity.name'
  ) AS kinds
  WHERE json_type(d.declaration, '$.' || kinds.kind) = 'object'
)
WHERE instr(text, member) > 0;

-- Readmes by language, copied from the package when the first one is asked for.
CREATE TABLE readmes (
  identifier TEXT NOT NULL REFERENCES declarations (identifier) ON DELETE CASCADE,
  language TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (identifier, language)
) STRICT;
