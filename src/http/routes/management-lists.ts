import { Elysia } from "elysia";
import type { InstalledLists } from "../../service/installed-lists.ts";
import { LANGUAGES, TAGS } from "../../service/search-plugins.ts";
import { success } from "../envelope.ts";
import { optionalQueryText, queryOneOf, querySomeOf, queryText, texts } from "../field-checks.ts";
import { countListGarbage, successStream } from "../json-stream.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { Installation, InstallationRow } from "../openapi/shapes.ts";
import { PAGE_FIELDS, pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";

export interface ManagementListsDeps {
  readonly lists: InstalledLists;
}

const SEARCH = {
  ...PAGE_FIELDS,
  query: optionalQueryText("query", { maxChars: 256 }),
  tags: querySomeOf("tags", { values: TAGS, max: 128 }),
  language: queryOneOf("language", LANGUAGES),
};
const IDS = { category: queryText("category") };
const BATCH = { pluginIds: texts("plugin_ids", { max: 256 }) };

const PREFIX = "/plugin/:tenant_id/management";
const TAG = ["Installed plugins"] as const;
const listed = () => ({ type: "array", items: answerSchema(Installation) });

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const listOperations = (): Operations => ({
  [`GET ${PREFIX}/list`]: {
    operationId: "listInstallations",
    summary: "Installed plugins, newest first",
    tags: TAG,
    ...describeFields(PAGE_FIELDS),
    responses: enveloped({
      type: "object",
      required: ["list", "total"],
      properties: { list: listed(), total: { type: "integer" } },
    }),
  },
  [`GET ${PREFIX}/:category/list`]: {
    operationId: "searchInstallations",
    summary: "Installed plugins of a category that a search finds",
    tags: TAG,
    ...describeFields(SEARCH),
    responses: enveloped({
      type: "object",
      required: ["list", "has_more"],
      properties: { list: listed(), has_more: { type: "boolean" } },
    }),
  },
  [`GET ${PREFIX}/installation/ids`]: {
    operationId: "listPluginIds",
    summary: "Ids of the installed plugins of a category",
    tags: TAG,
    ...describeFields(IDS),
    responses: enveloped({
      type: "object",
      required: ["plugin_ids"],
      properties: { plugin_ids: { type: "array", items: { type: "string" } } },
    }),
  },
  [`POST ${PREFIX}/installation/fetch/batch`]: {
    operationId: "fetchInstallations",
    summary: "Installations of these plugins",
    tags: TAG,
    ...describeFields(BATCH),
    responses: enveloped({ type: "array", items: answerSchema(InstallationRow) }),
  },
});

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** What is installed, with whole declarations (contract/http-api 3.4.3). */
export function managementListRoutes({ lists }: ManagementListsDeps) {
  const letGo = countListGarbage();
  return new Elysia({ name: "management-lists", prefix: PREFIX })
    .get("/list", async ({ params, request }) =>
      successStream(
        await lists.all(params.tenant_id, pageOf(await decodeFields(request, PAGE_FIELDS))),
        letGo,
      ),
    )
    .get("/:category/list", async ({ params, request }) => {
      const search = await decodeFields(request, SEARCH);
      const options = { search, page: pageOf(search) };
      return successStream(await lists.byCategory(params.tenant_id, params.category, options), letGo);
    })
    .get("/installation/ids", async ({ params, request }) =>
      success(await lists.pluginIds(params.tenant_id, (await decodeFields(request, IDS)).category)),
    )
    .post(
      "/installation/fetch/batch",
      async ({ params, request }) => {
        const { pluginIds } = await decodeFields(request, BATCH);
        return successStream(await lists.byPluginIds(params.tenant_id, pluginIds), letGo);
      },
      OWN_BODY,
    );
}
