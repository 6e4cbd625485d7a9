import { Elysia } from "elysia";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { ReadAsset } from "../../service/assets.ts";
import type { StoredPackages } from "../../service/decode-package.ts";
import { identifier, queryText } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { binary, type Operations } from "../openapi/operation.ts";
import { decodeFields } from "../request-fields.ts";

export interface AssetRoutesDeps {
  readonly readAsset: ReadAsset;
  readonly packages: Pick<StoredPackages, "asset">;
}

const EXTRACT = {
  identifier: identifier("plugin_unique_identifier", ["query"]),
  path: queryText("file_path"),
};

const PREFIX = "/plugin/:tenant_id";

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const assetOperations = (): Operations => ({
  [`GET ${PREFIX}/asset/:id`]: {
    operationId: "getAsset",
    summary: "An icon by the id that declarations give",
    tags: ["Packages"],
    responses: binary("The file"),
  },
  [`GET ${PREFIX}/extract-asset/`]: {
    operationId: "extractAsset",
    summary: "A file below _assets of a stored package, by its name there",
    tags: ["Packages"],
    ...describeFields(EXTRACT),
    responses: binary("The file"),
  },
});

/** Icons and packaged files (contract/http-api 3.6). Failures of these two have a status of their own. */
export function assetRoutes({ readAsset, packages }: AssetRoutesDeps) {
  return new Elysia({ name: "assets", prefix: PREFIX })
    .get("/asset/:id", async ({ params }) => bytes(await readAsset(params.id)))
    .get("/extract-asset/", async ({ request }) => {
      const { identifier, path } = await decodeFields(request, EXTRACT);
      return bytes(await packages.asset(identifier, path));
    });
}

function bytes(content: Uint8Array | undefined): Response {
  if (!content) throw new DaemonError("not_found", "asset not found");
  return new Response(content, { headers: { "content-type": "application/octet-stream" } });
}
