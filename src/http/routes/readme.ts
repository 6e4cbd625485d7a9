import { Elysia } from "elysia";
import type { ReadReadme } from "../../service/readme.ts";
import { success } from "../envelope.ts";
import { identifier, optionalQueryText } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { Readme } from "../openapi/shapes.ts";
import { decodeFields } from "../request-fields.ts";

const README = {
  identifier: identifier("plugin_unique_identifier", ["query"]),
  language: optionalQueryText("language", { maxChars: 256 }),
};

const PREFIX = "/plugin/:tenant_id/management";

/** What this route tells about itself; made when somebody asks, for a start must not wait for it. */
export const readmeOperations = (): Operations => ({
  [`GET ${PREFIX}/fetch/readme`]: {
    operationId: "fetchReadme",
    summary: "The readme of a version in a language, else in English, else in any",
    tags: ["Packages"],
    ...describeFields(README),
    responses: enveloped(answerSchema(Readme)),
  },
});

/** The readme of a plugin (contract/http-api 3.4.2). */
export function readmeRoutes({ readReadme }: { readonly readReadme: ReadReadme }) {
  return new Elysia({ name: "readme", prefix: PREFIX }).get("/fetch/readme", async ({ request }) => {
    const { identifier, language } = await decodeFields(request, README);
    return success(await readReadme(identifier, language || "en_US"));
  });
}
