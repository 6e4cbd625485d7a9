import { DaemonError } from "../protocol/daemon-error.ts";
import type { EndpointRow, EndpointStore, InstallationStore, Page } from "../store/store.ts";
import type { EndpointSection, FindEndpointDeclaration } from "./endpoint-declarations.ts";
import { readSettings } from "./endpoint-management.ts";
import type { EndpointSecrets, SecretsCall } from "./endpoint-secrets.ts";
import { type EndpointSettings, maskSecrets } from "./endpoint-settings.ts";

/** An endpoint as the API shows it; the address is made by the client, out of `hook_id`. */
export interface ListedEndpoint {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly name: string;
  readonly hook_id: string;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly plugin_id: string;
  readonly expired_at: string;
  readonly enabled: boolean;
  /** Secrets masked. */
  readonly settings: EndpointSettings;
  readonly declaration: { readonly settings: readonly unknown[]; readonly endpoints: readonly unknown[] };
}

/** Lists of endpoints, newest first (contract/backwards-invocation 5.6). */
export interface EndpointLists {
  /** Those of plugins that are gone are shown without settings. One failing decryption fails the list. */
  all(tenantId: string, page: Page, call: SecretsCall): Promise<readonly ListedEndpoint[]>;
  /** Throws `not_found` when the plugin is gone and has endpoints all the same. */
  ofPlugin(
    tenantId: string,
    pluginId: string,
    options: SecretsCall & { readonly page: Page },
  ): Promise<readonly ListedEndpoint[]>;
}

export interface EndpointListsDeps {
  readonly endpoints: Pick<EndpointStore, "list" | "listOfPlugin">;
  readonly installations: Pick<InstallationStore, "find">;
  readonly findDeclaration: FindEndpointDeclaration;
  readonly secrets: Pick<EndpointSecrets, "decrypt">;
}

/** Every endpoint has it, and nothing looks at it. */
const EXPIRED_AT = "2050-01-01T00:00:00Z";

export function createEndpointLists(deps: EndpointListsDeps): EndpointLists {
  const { endpoints, installations, secrets } = deps;

  /** Undefined when the plugin is gone, or its version of now has no endpoints. */
  async function sectionOf({ tenantId, pluginId }: EndpointRow): Promise<EndpointSection | undefined> {
    const row = await installations.find(tenantId, pluginId);
    return row && (await deps.findDeclaration(row.identifier))?.section;
  }

  async function listed(row: EndpointRow, call: SecretsCall): Promise<ListedEndpoint> {
    const section = await sectionOf(row);
    if (!section) return shown(row, {}, { settings: [], endpoints: [] });
    const of = { tenantId: row.tenantId, userId: "", endpointId: row.id, section };
    const settings = await secrets.decrypt(of, readSettings(row), call);
    return shown(row, maskSecrets(settings, section.fields), section);
  }

  /** One after the other: a page of a tenant must not be a flood for the platform. */
  async function listedAll(
    rows: readonly EndpointRow[],
    call: SecretsCall,
  ): Promise<readonly ListedEndpoint[]> {
    const list: ListedEndpoint[] = [];
    for (const row of rows) list.push(await listed(row, call));
    return list;
  }

  return {
    all: async (tenantId, page, call) => listedAll(await endpoints.list(tenantId, page), call),
    async ofPlugin(tenantId, pluginId, { page, ...call }) {
      const rows = await endpoints.listOfPlugin(tenantId, pluginId, page);
      if (rows.length > 0 && !(await installations.find(tenantId, pluginId)))
        throw new DaemonError("not_found", "failed to find plugin installation: record not found");
      return listedAll(rows, call);
    },
  };
}

function shown(
  row: EndpointRow,
  settings: EndpointSettings,
  { settings: fields, endpoints }: Pick<EndpointSection, "settings" | "endpoints">,
): ListedEndpoint {
  return {
    id: row.id,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    name: row.name,
    hook_id: row.hookId,
    tenant_id: row.tenantId,
    user_id: row.userId,
    plugin_id: row.pluginId,
    expired_at: EXPIRED_AT,
    enabled: row.enabled,
    settings,
    declaration: { settings: fields, endpoints },
  };
}
