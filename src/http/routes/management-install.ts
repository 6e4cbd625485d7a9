import { Elysia } from "elysia";
import type { InstallPlugins } from "../../service/install-plugins.ts";
import type { InstallTasks } from "../../service/install-tasks.ts";
import type { Uninstall } from "../../service/uninstall-plugin.ts";
import type { UpgradePlugin } from "../../service/upgrade-plugin.ts";
import type { UploadPackage } from "../../service/upload-package.ts";
import { success } from "../envelope.ts";
import { identifier, identifiers, optionalObject, optionalObjects, text } from "../field-checks.ts";
import { readUploadForm, type UploadForm } from "../multipart.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operation, type Operations, uploadBody } from "../openapi/operation.ts";
import { DecodedPackage, InstallStarted, InstallTask } from "../openapi/shapes.ts";
import { PAGE_FIELDS, pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";
import type { SpooledForm, UploadSpool } from "../upload-spool.ts";

/** Nearly all packages are smaller, and a form of this size is read faster without the disk. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

export interface ManagementInstallDeps {
  readonly upload: UploadPackage;
  /** For packages that are too large for memory. */
  readonly spool: UploadSpool;
  readonly install: InstallPlugins;
  readonly upgrade: UpgradePlugin;
  readonly uninstall: Uninstall;
  readonly tasks: Pick<InstallTasks, "list" | "get" | "delete" | "deleteAll" | "deleteItem">;
  /** Limit of an uploaded package in bytes. */
  readonly maxPackageBytes: number;
}

const INSTALL = {
  identifiers: identifiers("plugin_unique_identifiers", { max: 64 }),
  source: text("source"),
  metas: optionalObjects("metas"),
};
const UPGRADE = {
  from: identifier("original_plugin_unique_identifier"),
  to: identifier("new_plugin_unique_identifier"),
  source: text("source"),
  meta: optionalObject("meta"),
};
const UNINSTALL = { installationId: text("plugin_installation_id") };

const PREFIX = "/plugin/:tenant_id/management";
const TAG = ["Installing"] as const;
const DONE = (): Operation["responses"] => enveloped({ const: true });

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const installOperations = (): Operations => ({
  [`POST ${PREFIX}/install/upload/package`]: {
    operationId: "uploadPackage",
    summary: "Check a package and store it, so that it can be installed",
    tags: TAG,
    requestBody: uploadBody("dify_pkg"),
    responses: enveloped(answerSchema(DecodedPackage)),
  },
  [`POST ${PREFIX}/install/identifiers`]: {
    operationId: "installPlugins",
    summary: "Install uploaded packages; the work goes on in a task",
    tags: TAG,
    ...describeFields(INSTALL),
    responses: enveloped(answerSchema(InstallStarted)),
  },
  [`POST ${PREFIX}/install/upgrade`]: {
    operationId: "upgradePlugin",
    summary: "Point an installation at another version",
    tags: TAG,
    ...describeFields(UPGRADE),
    responses: enveloped(answerSchema(InstallStarted)),
  },
  [`POST ${PREFIX}/uninstall`]: {
    operationId: "uninstallPlugin",
    summary: "Remove an installation; waits for open calls when it was the last of its version",
    tags: TAG,
    ...describeFields(UNINSTALL),
    responses: DONE(),
  },
  [`GET ${PREFIX}/install/tasks`]: {
    operationId: "listInstallTasks",
    summary: "Tasks of a tenant, newest first",
    tags: TAG,
    ...describeFields(PAGE_FIELDS),
    responses: enveloped({ type: "array", items: answerSchema(InstallTask) }),
  },
  [`GET ${PREFIX}/install/tasks/:id`]: {
    operationId: "getInstallTask",
    summary: "One task: the stage of each plugin, and what to do where one failed",
    tags: TAG,
    responses: enveloped(answerSchema(InstallTask)),
  },
  [`POST ${PREFIX}/install/tasks/delete_all`]: {
    operationId: "deleteAllInstallTasks",
    summary: "Forget all tasks of a tenant; their work goes on",
    tags: TAG,
    responses: DONE(),
  },
  [`POST ${PREFIX}/install/tasks/:id/delete`]: {
    operationId: "deleteInstallTask",
    summary: "Forget a task; its work goes on",
    tags: TAG,
    responses: DONE(),
  },
  [`POST ${PREFIX}/install/tasks/:id/delete/*`]: {
    operationId: "deleteInstallTaskItem",
    summary: "Forget one plugin of a task, named by its identifier",
    tags: TAG,
    responses: DONE(),
  },
});

/** Bodies are read by our own decoders, which follow the rules of the reference and not those of the framework. */
const OWN_BODY = { parse: "none" } as const;

/** Upload, install, upgrade, uninstall, and the tasks of these (contract/http-api 3.4.1). */
export function managementInstallRoutes(deps: ManagementInstallDeps) {
  const { tasks } = deps;
  return new Elysia({ name: "management-install", prefix: PREFIX })
    .post("/install/upload/package", async ({ request }) => success(await upload(deps, request)), OWN_BODY)
    .post(
      "/install/identifiers",
      async ({ params, request }) =>
        success(await deps.install(params.tenant_id, await decodeFields(request, INSTALL))),
      OWN_BODY,
    )
    .post(
      "/install/upgrade",
      async ({ params, request }) =>
        success(await deps.upgrade(params.tenant_id, await decodeFields(request, UPGRADE))),
      OWN_BODY,
    )
    .post(
      "/uninstall",
      async ({ params, request }) => {
        const { installationId } = await decodeFields(request, UNINSTALL);
        await deps.uninstall(params.tenant_id, installationId);
        return success(true);
      },
      OWN_BODY,
    )
    .get("/install/tasks", async ({ params, request }) =>
      success(await tasks.list(params.tenant_id, pageOf(await decodeFields(request, PAGE_FIELDS)))),
    )
    .get("/install/tasks/:id", async ({ params }) => success(await tasks.get(params.tenant_id, params.id)))
    .post("/install/tasks/delete_all", async ({ params }) => {
      await tasks.deleteAll(params.tenant_id);
      return success(true);
    })
    .post("/install/tasks/:id/delete", async ({ params }) => {
      await tasks.delete(params.tenant_id, params.id);
      return success(true);
    })
    .post("/install/tasks/:id/delete/*", async ({ params }) => {
      await tasks.deleteItem(params.tenant_id, params.id, decodeSegments(params["*"]));
      return success(true);
    });
}

async function upload({ upload, spool, maxPackageBytes }: ManagementInstallDeps, request: Request) {
  const options = { fileField: "dify_pkg", maxFileBytes: maxPackageBytes };
  const store = ({ file, fields }: UploadForm | SpooledForm) =>
    upload(file, { verifySignature: fields.get("verify_signature") === "true" });
  if (!(Number(request.headers.get("content-length")) > MAX_HELD_BYTES))
    return store(await readUploadForm(request, options));
  await using form = await spool.receive(request, options);
  return await store(form);
}

/** The router leaves the catch-all as it came; a slash in it may stand as itself or as `%2F`. */
function decodeSegments(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      // No UTF-8 text: it stays as it is and is refused as an identifier.
      return escaped;
    }
  });
}
