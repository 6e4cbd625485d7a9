import { Elysia } from "elysia";
import type { UploadBundle } from "../../service/upload-bundle.ts";
import { success } from "../envelope.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations, uploadBody } from "../openapi/operation.ts";
import { BundleDependencies } from "../openapi/shapes.ts";
import type { UploadSpool } from "../upload-spool.ts";

export interface ManagementBundleDeps {
  readonly uploadBundle: UploadBundle;
  readonly spool: UploadSpool;
  /** Limit of an uploaded bundle in bytes. */
  readonly maxBundleBytes: number;
}

const PREFIX = "/plugin/:tenant_id/management";

/** What this route tells about itself; made when somebody asks, for a start must not wait for it. */
export const bundleOperations = (): Operations => ({
  [`POST ${PREFIX}/install/upload/bundle`]: {
    operationId: "uploadBundle",
    summary: "Check a bundle and store the packages in it",
    tags: ["Installing"],
    requestBody: uploadBody("dify_bundle"),
    responses: enveloped(answerSchema(BundleDependencies)),
  },
});

/** Upload of bundles (contract/http-api 3.4.1). */
export function managementBundleRoutes({ uploadBundle, spool, maxBundleBytes }: ManagementBundleDeps) {
  return new Elysia({ name: "management-bundle", prefix: PREFIX }).post(
    "/install/upload/bundle",
    async ({ request }) => {
      await using form = await spool.receive(request, {
        fileField: "dify_bundle",
        maxFileBytes: maxBundleBytes,
      });
      const verifySignature = form.fields.get("verify_signature") === "true";
      return success(await uploadBundle(form.file, { verifySignature }));
    },
    { parse: "none" },
  );
}
