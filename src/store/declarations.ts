import type { PluginCategory, PluginDeclaration, Verification } from "../protocol/declaration.ts";
import type { Database } from "./database.ts";
import type { DeclarationFacts } from "./declaration-facts.ts";
import type { Usage } from "./declaration-usage.ts";
import type { DeclarationRow, DeclarationStore } from "./store.ts";

interface Row {
  readonly identifier: string;
  readonly plugin_id: string;
  readonly category: PluginCategory;
  readonly verification: string | null;
  readonly package_bytes: number;
  readonly created_at: number;
  readonly declaration: string;
}

/** No installation, shadowed or not, and no item of a task that is still under way refers to the row in `subject`. */
function unreferenced(subject: string): string {
  return `NOT EXISTS (SELECT 1 FROM installations AS i WHERE i.identifier = ${subject})
    AND NOT EXISTS (SELECT 1 FROM shadowed_installations AS s WHERE s.identifier = ${subject})
    AND NOT EXISTS (
      SELECT 1 FROM task_items AS t WHERE t.identifier = ${subject} AND t.status IN ('pending', 'running')
    )`;
}

export interface DeclarationStoreOptions {
  readonly now: () => Date;
  readonly usage: Usage;
  readonly facts: DeclarationFacts;
  /** Told what is not stored any more. */
  readonly onRemoved: (identifier: string) => void;
}

export function createDeclarationStore(
  database: Database,
  { now, usage, facts, onRemoved }: DeclarationStoreOptions,
): DeclarationStore {
  const insert = database.prepare<never>(
    `INSERT INTO declarations
       (identifier, plugin_id, category, verification, package_bytes, created_at, declaration)
     VALUES ($identifier, $pluginId, $category, $verification, $packageBytes, $at, $declaration)
     ON CONFLICT (identifier) DO NOTHING`,
  );
  const insertAsset = database.prepare<never, { identifier: string; assetId: string }>(
    `INSERT INTO declaration_assets (identifier, asset_id) VALUES ($identifier, $assetId)
     ON CONFLICT DO NOTHING`,
  );
  const byIdentifier = database.prepare<Row, { identifier: string }>(
    "SELECT * FROM declarations WHERE identifier = $identifier",
  );
  const assetsOf = database.prepare<{ asset_id: string }, { identifier: string }>(
    "SELECT asset_id FROM declaration_assets WHERE identifier = $identifier ORDER BY asset_id",
  );
  const unused = database.prepare<{ identifier: string }, { before: number }>(
    `SELECT identifier FROM declaration_usage AS u
     WHERE unused_since < $before AND ${unreferenced("u.identifier")}
     ORDER BY unused_since, identifier`,
  );
  const soleAssetsOf = database.prepare<{ asset_id: string }, { identifier: string }>(
    `SELECT asset_id FROM declaration_assets AS mine
     WHERE identifier = $identifier AND NOT EXISTS (
       SELECT 1 FROM declaration_assets AS other
       WHERE other.asset_id = mine.asset_id AND other.identifier <> mine.identifier
     )
     ORDER BY asset_id`,
  );
  const remove = database.prepare<never, { identifier: string }>(
    `DELETE FROM declarations WHERE identifier = $identifier AND ${unreferenced("declarations.identifier")}`,
  );
  const exists = database.prepare<{ found: number }, { identifier: string }>(
    "SELECT 1 AS found FROM declarations WHERE identifier = $identifier",
  );
  const orphans = {
    package: database.prepare<{ value: string }, { keys: string }>(
      `SELECT value FROM json_each($keys)
       WHERE NOT EXISTS (SELECT 1 FROM declarations WHERE identifier = value)`,
    ),
    asset: database.prepare<{ value: string }, { keys: string }>(
      `SELECT value FROM json_each($keys)
       WHERE NOT EXISTS (SELECT 1 FROM declaration_assets WHERE asset_id = value)`,
    ),
  };

  return {
    save: (row) =>
      database.write(() => {
        const { identifier } = row;
        const at = now().getTime();
        const text = JSON.stringify(row.declaration);
        const { changes } = insert.run({
          identifier,
          pluginId: row.pluginId,
          category: row.category,
          verification: row.verification === null ? null : JSON.stringify(row.verification),
          packageBytes: row.packageBytes,
          at,
          declaration: text,
        });
        usage.uploaded(identifier, at);
        if (changes === 0) return;
        facts.add(identifier, row.declaration, text);
        for (const assetId of row.assetIds) insertAsset.run({ identifier, assetId });
      }),
    get: (identifier) =>
      database.read(() => {
        const row = byIdentifier.get({ identifier });
        return row
          ? toDeclarationRow(
              row,
              assetsOf.all({ identifier }).map((asset) => asset.asset_id),
            )
          : undefined;
      }),
    unreferenced: (before) =>
      database.read(() => unused.all({ before: before.getTime() }).map((row) => row.identifier)),
    removeIfUnreferenced: (identifier) =>
      database.write(() => {
        const assets = soleAssetsOf.all({ identifier }).map((asset) => asset.asset_id);
        remove.run({ identifier });
        if (exists.get({ identifier })) return undefined;
        onRemoved(identifier);
        return assets;
      }),
    orphans: (kind, keys) =>
      database.read(() => orphans[kind].all({ keys: JSON.stringify(keys) }).map((row) => row.value)),
  };
}

function toDeclarationRow(row: Row, assetIds: readonly string[]): DeclarationRow {
  const verification: Verification | null = row.verification === null ? null : JSON.parse(row.verification);
  return {
    identifier: row.identifier,
    pluginId: row.plugin_id,
    category: row.category,
    declaration: parseDeclaration(row.declaration),
    verification,
    packageBytes: row.package_bytes,
    assetIds,
    createdAt: new Date(row.created_at),
  };
}

/** Only `save` writes this text, from a declaration that was checked. */
function parseDeclaration(text: string): PluginDeclaration {
  return JSON.parse(text);
}
