import { Elysia } from "elysia";
import { passedOnTrace, type TraceOf } from "../../lib/traceparent.ts";
import type { EndpointLists } from "../../service/endpoint-lists.ts";
import type { EndpointManagement } from "../../service/endpoint-management.ts";
import type { SecretsCall } from "../../service/endpoint-secrets.ts";
import { success } from "../envelope.ts";
import { identifier, lenientObject, queryInteger, queryText, text } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { Endpoint } from "../openapi/shapes.ts";
import { pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";

export interface EndpointRoutesDeps {
  readonly management: EndpointManagement;
  readonly lists: EndpointLists;
  /** What the calls are followed by; without it, what came with the request, or a new trace. */
  readonly traceOf?: TraceOf | undefined;
}

const SETUP = {
  identifier: identifier("plugin_unique_identifier"),
  userId: text("user_id"),
  name: text("name"),
  settings: lenientObject("settings"),
};
const UPDATE = {
  endpointId: text("endpoint_id"),
  userId: text("user_id"),
  name: text("name"),
  settings: lenientObject("settings"),
};
const ONE = { endpointId: text("endpoint_id") };
const PAGE = {
  page: queryInteger("page", { min: 1 }),
  pageSize: queryInteger("page_size", { min: 1, max: 100 }),
};
const OF_PLUGIN = { pluginId: queryText("plugin_id"), ...PAGE };

const PREFIX = "/plugin/:tenant_id/endpoint";
const TAG = ["Endpoints"] as const;
const DONE = enveloped({ const: true });
const LIST = enveloped({ type: "array", items: answerSchema(Endpoint) });

/** What these routes tell about themselves. */
export const endpointOperations = (): Operations => ({
  [`POST ${PREFIX}/setup`]: {
    operationId: "setUpEndpoint",
    summary: "Set up an endpoint of an installed plugin; the platform encrypts its secret settings",
    tags: TAG,
    ...describeFields(SETUP),
    responses: DONE,
  },
  [`POST ${PREFIX}/update`]: {
    operationId: "updateEndpoint",
    summary: "Replace name and settings; a secret that comes back masked stays what it was",
    tags: TAG,
    ...describeFields(UPDATE),
    responses: DONE,
  },
  [`POST ${PREFIX}/remove`]: {
    operationId: "removeEndpoint",
    summary: "Remove an endpoint",
    tags: TAG,
    ...describeFields(ONE),
    responses: DONE,
  },
  [`POST ${PREFIX}/enable`]: {
    operationId: "enableEndpoint",
    summary: "Enable an endpoint; fine when it is enabled already",
    tags: TAG,
    ...describeFields(ONE),
    responses: DONE,
  },
  [`POST ${PREFIX}/disable`]: {
    operationId: "disableEndpoint",
    summary: "Disable an endpoint: calls of its hook are answered with 404",
    tags: TAG,
    ...describeFields(ONE),
    responses: DONE,
  },
  [`GET ${PREFIX}/list`]: {
    operationId: "listEndpoints",
    summary: "All endpoints of the tenant, newest first, secrets masked",
    tags: TAG,
    ...describeFields(PAGE),
    responses: LIST,
  },
  [`GET ${PREFIX}/list/plugin`]: {
    operationId: "listEndpointsOfPlugin",
    summary: "The endpoints of one plugin, newest first, secrets masked",
    tags: TAG,
    ...describeFields(OF_PLUGIN),
    responses: LIST,
  },
});

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** Endpoints of plugins: set-up, lists, changes (contract/http-api 3.5). */
export function endpointRoutes({ management, lists, traceOf = passedOnTrace }: EndpointRoutesDeps) {
  return new Elysia({ name: "endpoints", prefix: PREFIX })
    .post(
      "/setup",
      async ({ params, request }) => {
        await management.setUp(params.tenant_id, await decodeFields(request, SETUP), callOf(request));
        return success(true);
      },
      OWN_BODY,
    )
    .post(
      "/update",
      async ({ params, request }) => {
        await management.update(params.tenant_id, await decodeFields(request, UPDATE), callOf(request));
        return success(true);
      },
      OWN_BODY,
    )
    .post(
      "/remove",
      async ({ params, request }) => {
        const { endpointId } = await decodeFields(request, ONE);
        await management.remove(params.tenant_id, endpointId, traceOf(request));
        return success(true);
      },
      OWN_BODY,
    )
    .post(
      "/enable",
      ({ params, request }) => setEnabled(params.tenant_id, { request, enabled: true }),
      OWN_BODY,
    )
    .post(
      "/disable",
      ({ params, request }) => setEnabled(params.tenant_id, { request, enabled: false }),
      OWN_BODY,
    )
    .get(
      "/list",
      async ({ params, request }) => {
        const page = pageOf(await decodeFields(request, PAGE));
        return success(await lists.all(params.tenant_id, page, callOf(request)));
      },
      OWN_BODY,
    )
    .get(
      "/list/plugin",
      async ({ params, request }) => {
        const { pluginId, ...page } = await decodeFields(request, OF_PLUGIN);
        const options = { page: pageOf(page), ...callOf(request) };
        return success(await lists.ofPlugin(params.tenant_id, pluginId, options));
      },
      OWN_BODY,
    );

  function callOf(request: Request): SecretsCall {
    return { signal: request.signal, ...traceOf(request) };
  }

  async function setEnabled(
    tenantId: string,
    { request, enabled }: { readonly request: Request; readonly enabled: boolean },
  ) {
    const { endpointId } = await decodeFields(request, ONE);
    await management.setEnabled(tenantId, { endpointId, enabled });
    return success(true);
  }
}
