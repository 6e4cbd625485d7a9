import { Elysia } from "elysia";
import type { InstalledLists } from "../../service/installed-lists.ts";
import { LANGUAGES, TAGS } from "../../service/search-plugins.ts";
import { success } from "../envelope.ts";
import { optionalQueryText, queryOneOf, querySomeOf, queryText, texts } from "../field-checks.ts";
import { successStream } from "../json-stream.ts";
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

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** What is installed, with whole declarations (contract/http-api 3.4.3). */
export function managementListRoutes({ lists }: ManagementListsDeps) {
  return new Elysia({ name: "management-lists", prefix: "/plugin/:tenant_id/management" })
    .get("/list", async ({ params, request }) =>
      successStream(await lists.all(params.tenant_id, pageOf(await decodeFields(request, PAGE_FIELDS)))),
    )
    .get("/:category/list", async ({ params, request }) => {
      const search = await decodeFields(request, SEARCH);
      const options = { search, page: pageOf(search) };
      return successStream(await lists.byCategory(params.tenant_id, params.category, options));
    })
    .get("/installation/ids", async ({ params, request }) =>
      success(await lists.pluginIds(params.tenant_id, (await decodeFields(request, IDS)).category)),
    )
    .post(
      "/installation/fetch/batch",
      async ({ params, request }) => {
        const { pluginIds } = await decodeFields(request, BATCH);
        return successStream(await lists.byPluginIds(params.tenant_id, pluginIds));
      },
      OWN_BODY,
    );
}
