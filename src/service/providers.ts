import { DaemonError } from "../protocol/daemon-error.ts";
import type { ProviderKind } from "../protocol/declaration.ts";
import type { CatalogueStore, InstalledProvider, Page } from "../store/store.ts";
import { type JsonPiece, type JsonPieces, jsonList, jsonObject } from "./json-pieces.ts";

/** Names a provider of an installed plugin. */
export interface ProviderName {
  readonly pluginId: string;
  /** Its name within the plugin. */
  readonly provider: string;
}

/** Providers that a tenant's plugins bring, each with its part of the declaration (contract/http-api 3.4.4). */
export interface Providers {
  list(tenantId: string, kind: ProviderKind, page: Page): Promise<JsonPieces>;
  /** Throws `plugin_not_found` when it is not there. */
  get(tenantId: string, kind: ProviderKind, name: ProviderName): Promise<JsonPieces>;
  /** For each name whether it is there, in the order asked for. */
  exist(tenantId: string, kind: ProviderKind, names: readonly ProviderName[]): Promise<readonly boolean[]>;
}

export interface ProvidersDeps {
  readonly catalogue: Pick<CatalogueStore, "providers" | "provider" | "declaration">;
}

export function createProviders({ catalogue }: ProvidersDeps): Providers {
  /** Undefined when the plugin went while the list was being sent. */
  async function piecesOf(row: InstalledProvider): Promise<readonly JsonPiece[] | undefined> {
    const declaration = (await catalogue.declaration(row.identifier))?.provider(row.kind);
    if (!declaration) return undefined;
    // Only agent strategies show what runs the plugin.
    const meta = row.kind === "agent_strategy" ? { meta: row.pluginMeta } : {};
    return jsonObject(fieldsOf(row), { declaration, ...meta });
  }

  return {
    async list(tenantId, kind, page) {
      return jsonList(await catalogue.providers(tenantId, kind, page), piecesOf);
    },
    async get(tenantId, kind, { pluginId, provider }) {
      const row = await catalogue.provider(tenantId, pluginId, kind);
      // The reference looks datasources up in another way than the rest.
      if (!row && kind === "datasource") throw new DaemonError("internal", "record not found");
      const pieces = row?.provider === provider ? await piecesOf(row) : undefined;
      if (!pieces) throw new DaemonError("plugin_not_found", "plugin not found");
      return inOrder(pieces);
    },
    async exist(tenantId, kind, names) {
      const key = ({ pluginId, provider }: ProviderName) => `${pluginId}\n${provider}`;
      const there = new Set((await catalogue.providers(tenantId, kind)).map(key));
      return names.map((name) => there.has(key(name)));
    },
  };
}

async function* inOrder(pieces: readonly JsonPiece[]): JsonPieces {
  yield* pieces;
}

function fieldsOf(row: InstalledProvider) {
  return {
    id: providerId(row.id, row.kind),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    tenant_id: row.tenantId,
    provider: row.provider,
    plugin_unique_identifier: row.identifier,
    plugin_id: row.pluginId,
  };
}

/**
 * The id of a provider: always the same for an installation, and a UUID v7 of the same time. The reference keeps rows
 * of their own for providers; here an installation and its declaration tell all that these hold.
 */
function providerId(installationId: string, kind: ProviderKind): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${kind} of ${installationId}`).digest("hex");
  const time = installationId.slice(0, "01234567-89ab-".length);
  return `${time}7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
}
