import { Elysia } from "elysia";
import type { ProviderKind } from "../../protocol/declaration.ts";
import type { ListModelBindings } from "../../service/model-bindings.ts";
import type { Providers } from "../../service/providers.ts";
import { success } from "../envelope.ts";
import { queryText, textPairs } from "../field-checks.ts";
import { countListGarbage, successStream } from "../json-stream.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operation, type Operations } from "../openapi/operation.ts";
import { ModelBinding, Provider } from "../openapi/shapes.ts";
import { PAGE_FIELDS, pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";

export interface ManagementProvidersDeps {
  readonly providers: Providers;
  readonly bindings: ListModelBindings;
}

const ONE = { pluginId: queryText("plugin_id"), provider: queryText("provider") };
const EXISTENCE = { names: textPairs("provider_ids", ["plugin_id", "provider_name"]) };

const PREFIX = "/plugin/:tenant_id/management";
const TAG = ["Providers"] as const;
const provider = () => answerSchema(Provider);

const listOperation = (operationId: string, what: string): Operation => ({
  operationId,
  summary: `${what} of the tenant's plugins`,
  tags: TAG,
  ...describeFields(PAGE_FIELDS),
  responses: enveloped({ type: "array", items: provider() }),
});
const oneOperation = (operationId: string, what: string): Operation => ({
  operationId,
  summary: `One ${what}`,
  tags: TAG,
  ...describeFields(ONE),
  responses: enveloped(provider()),
});

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const providerOperations = (): Operations => ({
  [`GET ${PREFIX}/models`]: listOperation("listModelProviders", "Model providers"),
  [`GET ${PREFIX}/models/bindings`]: {
    operationId: "listModelBindings",
    summary: "Which installation provides which model provider",
    tags: TAG,
    responses: enveloped({ type: "array", items: answerSchema(ModelBinding) }),
  },
  [`GET ${PREFIX}/tools`]: listOperation("listToolProviders", "Tool providers"),
  [`GET ${PREFIX}/tool`]: oneOperation("getToolProvider", "tool provider"),
  [`POST ${PREFIX}/tools/check_existence`]: {
    operationId: "checkToolProviders",
    summary: "Whether these tool providers are there, in the order asked for",
    tags: TAG,
    ...describeFields(EXISTENCE),
    responses: enveloped({ type: "array", items: { type: "boolean" } }),
  },
  [`GET ${PREFIX}/agent_strategies`]: listOperation("listAgentStrategies", "Agent strategy providers"),
  [`GET ${PREFIX}/agent_strategy`]: oneOperation("getAgentStrategy", "agent strategy provider"),
  [`GET ${PREFIX}/datasources`]: listOperation("listDatasources", "Data source providers"),
  [`GET ${PREFIX}/datasource`]: oneOperation("getDatasource", "data source provider"),
  [`GET ${PREFIX}/triggers`]: listOperation("listTriggers", "Trigger providers"),
  [`GET ${PREFIX}/trigger`]: oneOperation("getTrigger", "trigger provider"),
});

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** Providers of each kind (contract/http-api 3.4.4). */
export function managementProviderRoutes({ providers, bindings }: ManagementProvidersDeps) {
  const letGo = countListGarbage();
  const list =
    (kind: ProviderKind) =>
    async ({ params, request }: Context): Promise<Response> => {
      const page = pageOf(await decodeFields(request, PAGE_FIELDS));
      return successStream(await providers.list(params.tenant_id, kind, page), letGo);
    };
  const one =
    (kind: ProviderKind) =>
    async ({ params, request }: Context): Promise<Response> =>
      successStream(await providers.get(params.tenant_id, kind, await decodeFields(request, ONE)));

  return new Elysia({ name: "management-providers", prefix: PREFIX })
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
