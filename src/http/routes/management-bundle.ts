import { Elysia } from "elysia";
import type { UploadBundle } from "../../service/upload-bundle.ts";
import { success } from "../envelope.ts";
import type { UploadSpool } from "../upload-spool.ts";

export interface ManagementBundleDeps {
  readonly uploadBundle: UploadBundle;
  readonly spool: UploadSpool;
  /** Limit of an uploaded bundle in bytes. */
  readonly maxBundleBytes: number;
}

/** Upload of bundles (contract/http-api 3.4.1). */
export function managementBundleRoutes({ uploadBundle, spool, maxBundleBytes }: ManagementBundleDeps) {
  return new Elysia({ name: "management-bundle", prefix: "/plugin/:tenant_id/management" }).post(
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
