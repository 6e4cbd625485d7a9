import { Elysia } from "elysia";
import type { ProviderKind } from "../../protocol/declaration.ts";
import type { ListModelBindings } from "../../service/model-bindings.ts";
import type { Providers } from "../../service/providers.ts";
import { success } from "../envelope.ts";
import { queryText, textPairs } from "../field-checks.ts";
import { successStream } from "../json-stream.ts";
import { PAGE_FIELDS, pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";

export interface ManagementProvidersDeps {
  readonly providers: Providers;
  readonly bindings: ListModelBindings;
}

const ONE = { pluginId: queryText("plugin_id"), provider: queryText("provider") };
const EXISTENCE = { names: textPairs("provider_ids", ["plugin_id", "provider_name"]) };

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** Providers of each kind (contract/http-api 3.4.4). */
export function managementProviderRoutes({ providers, bindings }: ManagementProvidersDeps) {
  const list =
    (kind: ProviderKind) =>
    async ({ params, request }: Context): Promise<Response> => {
      const page = pageOf(await decodeFields(request, PAGE_FIELDS));
      return successStream(await providers.list(params.tenant_id, kind, page));
    };
  const one =
    (kind: ProviderKind) =>
    async ({ params, request }: Context): Promise<Response> =>
      successStream(await providers.get(params.tenant_id, kind, await decodeFields(request, ONE)));

  return new Elysia({ name: "management-providers", prefix: "/plugin/:tenant_id/management" })
    .get("/models", list("model"))
    .get("/models/bindings", async ({ params }) => success(await bindings(params.tenant_id)))
    .get("/tools", list("tool"))
    .get("/tool", one("tool"))
    .post(
      "/tools/check_existence",
      async ({ params, request }) => {
        const { names } = await decodeFields(request, EXISTENCE);
        const wanted = names.map(([pluginId, provider]) => ({ pluginId, provider }));
        return success(await providers.exist(params.tenant_id, "tool", wanted));
      },
      OWN_BODY,
    )
    .get("/agent_strategies", list("agent_strategy"))
    .get("/agent_strategy", one("agent_strategy"))
    .get("/datasources", list("datasource"))
    .get("/datasource", one("datasource"))
    .get("/triggers", list("trigger"))
    .get("/trigger", one("trigger"));
}

interface Context {
  readonly params: { readonly tenant_id: string };
  readonly request: Request;
}
