import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginCategory } from "../protocol/declaration.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { CatalogueStore, InstallationRow, InstallationStore, Page } from "../store/store.ts";
import { type JsonPiece, type JsonPieces, jsonList, jsonObject, jsonWrapped } from "./json-pieces.ts";
import { matchesSearch, type PluginSearch } from "./search-plugins.ts";

/** Lists of what a tenant has installed, newest first, each with its whole declaration (contract/http-api 3.4.3). */
export interface InstalledLists {
  /** `{"list", "total"}`. */
  all(tenantId: string, page: Page): Promise<JsonPieces>;
  /** `{"list", "has_more"}`: a page of what the search finds. Throws `bad_request` for a category that there is not. */
  byCategory(
    tenantId: string,
    category: string,
    options: { readonly search: PluginSearch; readonly page: Page },
  ): Promise<JsonPieces>;
  /** Throws as `byCategory` does. */
  pluginIds(tenantId: string, category: string): Promise<{ readonly plugin_ids: readonly string[] }>;
  /** A list without names; plugin ids that are not installed are left out. */
  byPluginIds(tenantId: string, pluginIds: readonly string[]): Promise<JsonPieces>;
}

export interface InstalledListsDeps {
  readonly installations: Pick<InstallationStore, "list" | "byPluginIds">;
  readonly catalogue: Pick<CatalogueStore, "plugins" | "declaration">;
}

const CATEGORIES: readonly PluginCategory[] = [
  "tool",
  "model",
  "extension",
  "agent-strategy",
  "datasource",
  "trigger",
];

export function createInstalledLists({ installations, catalogue }: InstalledListsDeps): InstalledLists {
  /** Undefined when the plugin went while the list was being sent. */
  async function withDeclaration(
    row: InstallationRow,
    fields: object,
  ): Promise<readonly JsonPiece[] | undefined> {
    const text = await catalogue.declaration(row.identifier);
    return text && jsonObject(fields, { declaration: text.whole });
  }
  const listed = (rows: readonly InstallationRow[]) =>
    jsonList(rows, (row) =>
      withDeclaration(row, {
        ...fieldsOf(row),
        name: requireIdentifier(row.identifier).name,
        installation_id: row.id,
      }),
    );

  return {
    async all(tenantId, page) {
      const { rows, total } = await installations.list(tenantId, page);
      return jsonWrapped('{"list":', listed(rows), `,"total":${total}}`);
    },
    async byCategory(tenantId, category, { search, page }) {
      const plugins = await catalogue.plugins(tenantId, requireCategory(category));
      const found = plugins.filter((plugin) => matchesSearch(plugin, search));
      const end = page.offset + page.limit;
      const list = listed(found.slice(page.offset, end));
      return jsonWrapped('{"list":', list, `,"has_more":${end < found.length}}`);
    },
    async pluginIds(tenantId, category) {
      const plugins = await catalogue.plugins(tenantId, requireCategory(category));
      return { plugin_ids: plugins.map((plugin) => plugin.pluginId) };
    },
    async byPluginIds(tenantId, pluginIds) {
      const rows = pluginIds.length === 0 ? [] : await installations.byPluginIds(tenantId, pluginIds);
      return jsonList(rows, (row) => withDeclaration(row, fieldsOf(row)));
    },
  };
}

function requireCategory(text: string): PluginCategory {
  const category = CATEGORIES.find((known) => known === text);
  if (!category) throw new DaemonError("bad_request", "invalid plugin category");
  return category;
}

/** What all lists show of an installation; times are RFC 3339. */
function fieldsOf(row: InstallationRow) {
  const { version, checksum } = requireIdentifier(row.identifier);
  return {
    id: row.id,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    tenant_id: row.tenantId,
    plugin_id: row.pluginId,
    plugin_unique_identifier: row.identifier,
    runtime_type: row.runtimeType,
    endpoints_setups: row.endpointsSetups,
    endpoints_active: row.endpointsActive,
    source: row.source,
    meta: row.meta,
    version,
    checksum,
  };
}
