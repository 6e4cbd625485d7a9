import type { I18n, PluginCategory, ProviderKind } from "../protocol/declaration.ts";
import type { ByteCache } from "./byte-cache.ts";
import type { Database } from "./database.ts";
import { type InstallationRecord, toInstallation } from "./installations.ts";
import type { CatalogueStore, DeclarationText, InstalledProvider, SearchablePlugin } from "./store.ts";

interface PluginRecord extends InstallationRecord {
  readonly label: string;
  readonly description: string;
  readonly tags: string;
}

interface ProviderRecord extends InstallationRecord {
  readonly provider: string;
  readonly verified: number;
  readonly plugin_meta: string;
}

interface PlaceRecord {
  readonly kind: ProviderKind;
  readonly start: number;
  readonly length: number;
}

const NEWEST_FIRST = "ORDER BY i.created_at DESC, i.id DESC";
const PROVIDERS = `SELECT i.*, p.provider, s.verified, s.meta AS plugin_meta
  FROM installations AS i
  JOIN declaration_providers AS p ON p.identifier = i.identifier AND p.kind = $kind
  JOIN declaration_summaries AS s ON s.identifier = i.identifier
  WHERE i.tenant_id = $tenantId`;

export function createCatalogueStore(
  database: Database,
  { texts }: { readonly texts: ByteCache<DeclarationText> },
): CatalogueStore {
  const ofCategory = database.prepare<PluginRecord, { tenantId: string; category: PluginCategory }>(
    `SELECT i.*, s.label, s.description, s.tags
     FROM installations AS i
     JOIN declarations AS d ON d.identifier = i.identifier
     JOIN declaration_summaries AS s ON s.identifier = i.identifier
     WHERE i.tenant_id = $tenantId AND d.category = $category ${NEWEST_FIRST}`,
  );
  const ofKind = database.prepare<
    ProviderRecord,
    { tenantId: string; kind: ProviderKind; limit: number; offset: number }
  >(`${PROVIDERS} ${NEWEST_FIRST} LIMIT $limit OFFSET $offset`);
  const one = database.prepare<ProviderRecord, { tenantId: string; kind: ProviderKind; pluginId: string }>(
    `${PROVIDERS} AND i.plugin_id = $pluginId`,
  );
  // As bytes: most of these texts would take two bytes a character as strings, and they are only sent.
  const text = database.prepare<{ text: Uint8Array }, { identifier: string }>(
    "SELECT CAST(declaration AS BLOB) AS text FROM declarations WHERE identifier = $identifier",
  );
  const places = database.prepare<PlaceRecord, { identifier: string }>(
    "SELECT kind, start, length FROM declaration_providers WHERE identifier = $identifier",
  );

  return {
    plugins: (tenantId, category) =>
      database.read(() => ofCategory.all({ tenantId, category }).map(toSearchable)),
    providers: (tenantId, kind, page) =>
      database.read(() =>
        ofKind
          .all({ tenantId, kind, limit: page?.limit ?? -1, offset: page?.offset ?? 0 })
          .map((record) => toProvider(record, kind)),
      ),
    provider: (tenantId, pluginId, kind) =>
      database.read(() => {
        const record = one.get({ tenantId, pluginId, kind });
        return record ? toProvider(record, kind) : undefined;
      }),
    declaration: (identifier) =>
      database.read(() => {
        const known = texts.get(identifier);
        if (known) return known;
        const record = text.get({ identifier });
        if (!record) return undefined;
        const found = toText(record.text, places.all({ identifier }));
        texts.put(identifier, found, record.text.byteLength);
        return found;
      }),
  };
}

function toSearchable(record: PluginRecord): SearchablePlugin {
  // Only `declaration-facts.ts` writes these texts, from a declaration that was checked.
  const label: I18n = JSON.parse(record.label);
  const description: I18n = JSON.parse(record.description);
  const tags: readonly string[] | null = JSON.parse(record.tags);
  return { ...toInstallation(record), label, description, tags: tags ?? [] };
}

function toProvider(record: ProviderRecord, kind: ProviderKind): InstalledProvider {
  return {
    ...toInstallation(record),
    kind,
    provider: record.provider,
    verified: record.verified === 1,
    pluginMeta: record.plugin_meta,
  };
}

function toText(whole: Uint8Array, places: readonly PlaceRecord[]): DeclarationText {
  const providers = new Map(
    places.map(({ kind, start, length }) => [kind, whole.subarray(start, start + length)]),
  );
  return { whole, provider: (kind) => providers.get(kind) };
}
