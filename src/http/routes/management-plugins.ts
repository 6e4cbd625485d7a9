import { Elysia } from "elysia";
import type { StoredPackages } from "../../service/decode-package.ts";
import type { InstalledPlugins } from "../../service/installed-plugins.ts";
import { success } from "../envelope.ts";
import { identifier, identifiers } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { DecodedPackage, Declaration, MissingPlugin } from "../openapi/shapes.ts";
import { decodeFields, firstOf } from "../request-fields.ts";

export interface ManagementPluginsDeps {
  readonly installed: InstalledPlugins;
  readonly packages: Pick<StoredPackages, "decode">;
}

const BY_IDENTIFIER = { identifier: identifier("plugin_unique_identifier", ["query"]) };
/** Older clients send a JSON body with a GET, some others the name that old daemons read by accident. */
const DECODE = {
  identifier: firstOf(
    identifier("plugin_unique_identifier", ["query", "json"]),
    identifier("PluginUniqueIdentifier", ["query"]),
  ),
};
const MISSING = { identifiers: identifiers("plugin_unique_identifiers", { max: 256 }) };

const PREFIX = "/plugin/:tenant_id/management";
const TAG = ["Packages"] as const;

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const pluginOperations = (): Operations => ({
  [`GET ${PREFIX}/decode/from_identifier`]: {
    operationId: "decodePackage",
    summary: "Decode a stored package again; icons are the names in it",
    tags: TAG,
    ...describeFields(DECODE),
    responses: enveloped(answerSchema(DecodedPackage)),
  },
  [`GET ${PREFIX}/fetch/manifest`]: {
    operationId: "fetchManifest",
    summary: "The stored declaration of a version",
    tags: TAG,
    ...describeFields(BY_IDENTIFIER),
    responses: enveloped(answerSchema(Declaration)),
  },
  [`GET ${PREFIX}/fetch/identifier`]: {
    operationId: "isInstalled",
    summary: "Whether any tenant has this version",
    tags: TAG,
    ...describeFields(BY_IDENTIFIER),
    responses: enveloped({ type: "boolean" }),
  },
  [`POST ${PREFIX}/installation/missing`]: {
    operationId: "findMissing",
    summary: "Versions that the tenant lacks, and what it has in their place",
    tags: TAG,
    ...describeFields(MISSING),
    responses: enveloped({ type: "array", items: answerSchema(MissingPlugin) }),
  },
});

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** Reads of packages, and of whether they are installed (contract/http-api 3.4.2, 3.4.3). */
export function managementPluginRoutes({ installed, packages }: ManagementPluginsDeps) {
  return new Elysia({ name: "management-plugins", prefix: PREFIX })
    .get(
      "/decode/from_identifier",
      async ({ request }) => success(await packages.decode((await decodeFields(request, DECODE)).identifier)),
      OWN_BODY,
    )
    .get("/fetch/manifest", async ({ request }) =>
      success(await installed.manifest((await decodeFields(request, BY_IDENTIFIER)).identifier)),
    )
    .get("/fetch/identifier", async ({ request }) =>
      success(await installed.isInstalled((await decodeFields(request, BY_IDENTIFIER)).identifier)),
    )
    .post("/installation/missing", async ({ params, request }) =>
      success(await installed.missing(params.tenant_id, (await decodeFields(request, MISSING)).identifiers)),
    );
}
