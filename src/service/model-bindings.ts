import { requireIdentifier } from "../protocol/identifier.ts";
import type { CatalogueStore, RuntimeType } from "../store/store.ts";

/** Which plugin serves a model provider (contract/http-api 3.4.4). */
export interface ModelBinding {
  readonly provider: string;
  readonly installation_id: string;
  readonly plugin_id: string;
  readonly plugin_unique_identifier: string;
  readonly runtime_type: RuntimeType;
  readonly source: string;
  readonly version: string;
  readonly verified: boolean;
}

/** All of a tenant's, the newest installation first. */
export type ListModelBindings = (tenantId: string) => Promise<readonly ModelBinding[]>;

export function createListModelBindings({
  catalogue,
}: {
  readonly catalogue: Pick<CatalogueStore, "providers">;
}): ListModelBindings {
  return async (tenantId) =>
    (await catalogue.providers(tenantId, "model")).map((row) => ({
      provider: row.provider,
      installation_id: row.id,
      plugin_id: row.pluginId,
      plugin_unique_identifier: row.identifier,
      runtime_type: row.runtimeType,
      source: row.source,
      version: requireIdentifier(row.identifier).version,
      verified: row.verified,
    }));
}
