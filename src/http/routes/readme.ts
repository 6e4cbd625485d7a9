import { Elysia } from "elysia";
import type { ReadReadme } from "../../service/readme.ts";
import { success } from "../envelope.ts";
import { identifier, optionalQueryText } from "../field-checks.ts";
import { decodeFields } from "../request-fields.ts";

const README = {
  identifier: identifier("plugin_unique_identifier", ["query"]),
  language: optionalQueryText("language", { maxChars: 256 }),
};

/** The readme of a plugin (contract/http-api 3.4.2). */
export function readmeRoutes({ readReadme }: { readonly readReadme: ReadReadme }) {
  return new Elysia({ name: "readme", prefix: "/plugin/:tenant_id/management" }).get(
    "/fetch/readme",
    async ({ request }) => {
      const { identifier, language } = await decodeFields(request, README);
      return success(await readReadme(identifier, language || "en_US"));
    },
  );
}
