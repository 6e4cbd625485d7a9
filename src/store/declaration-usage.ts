import type { Database } from "./database.ts";

/**
 * When an uploaded plugin was used last, and since when nothing needs it. Kept apart from the declarations, whose
 * rows are large. All of it runs inside the transaction of the caller; times are milliseconds.
 */
export interface Usage {
  /** It was uploaded, or uploaded again: collecting it has to wait anew. */
  uploaded(identifier: string, at: number): void;
  /** Its last installation went. */
  released(identifier: string, at: number): void;
  /** Something was sent to it. Unknown identifiers are ignored, earlier times too. */
  used(identifier: string, at: number): void;
  /** After an upgrade the new version was used when the old one was. */
  inherited(from: string, to: string): void;
}

export function prepareUsage(database: Database): Usage {
  const upload = database.prepare<never, { identifier: string; at: number }>(
    `INSERT INTO declaration_usage (identifier, unused_since) VALUES ($identifier, $at)
     ON CONFLICT (identifier) DO UPDATE SET unused_since = excluded.unused_since`,
  );
  const release = database.prepare<never, { identifier: string; at: number }>(
    "UPDATE declaration_usage SET unused_since = $at WHERE identifier = $identifier",
  );
  const use = database.prepare<never, { identifier: string; at: number }>(
    `UPDATE declaration_usage SET last_used_at = max(coalesce(last_used_at, 0), $at)
     WHERE identifier = $identifier`,
  );
  const lastUse = database.prepare<{ last_used_at: number | null }, { identifier: string }>(
    "SELECT last_used_at FROM declaration_usage WHERE identifier = $identifier",
  );

  function used(identifier: string, at: number): void {
    use.run({ identifier, at });
  }
  return {
    uploaded: (identifier, at) => void upload.run({ identifier, at }),
    released: (identifier, at) => void release.run({ identifier, at }),
    used,
    inherited(from, to) {
      const at = lastUse.get({ identifier: from })?.last_used_at;
      if (typeof at === "number") used(to, at);
    },
  };
}
