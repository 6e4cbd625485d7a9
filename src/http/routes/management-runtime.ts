import { Elysia } from "elysia";
import type { ListRuntimes } from "../../service/runtime-list.ts";
import type { SwitchRuntime } from "../../service/switch-runtime.ts";
import { success } from "../envelope.ts";
import { oneOf, text } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { answerSchema } from "../openapi/json-schema.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { InstallStarted, RuntimePage } from "../openapi/shapes.ts";
import { PAGE_FIELDS, pageOf } from "../paging.ts";
import { decodeFields } from "../request-fields.ts";

export interface ManagementRuntimeDeps {
  readonly listRuntimes: ListRuntimes;
  readonly switchRuntime: SwitchRuntime;
}

const PREFIX = "/plugin/:tenant_id/management/runtime";
const SWITCH = { pluginId: text("plugin_id"), runtime: oneOf("runtime", ["local", "serverless", "auto"]) };
const OWN_BODY = { parse: "none" } as const;

/** What these routes tell about themselves. */
export const runtimeOperations = (): Operations => ({
  [`GET ${PREFIX}/list`]: {
    operationId: "listRuntimes",
    summary: "Where what is installed runs, and why",
    tags: ["Installed plugins"],
    ...describeFields(PAGE_FIELDS),
    responses: enveloped(answerSchema(RuntimePage)),
  },
  [`POST ${PREFIX}/switch`]: {
    operationId: "switchRuntime",
    summary: "Move an installation to another runtime, without an outage",
    tags: ["Installing"],
    ...describeFields(SWITCH),
    responses: enveloped(answerSchema(InstallStarted)),
  },
});

/** Where installations run. None of it is in the reference. */
export function managementRuntimeRoutes({ listRuntimes, switchRuntime }: ManagementRuntimeDeps) {
  return new Elysia({ name: "management-runtime", prefix: PREFIX })
    .get("/list", async ({ params, request }) =>
      success(await listRuntimes(params.tenant_id, pageOf(await decodeFields(request, PAGE_FIELDS)))),
    )
    .post(
      "/switch",
      async ({ params, request }) =>
        success(await switchRuntime(params.tenant_id, await decodeFields(request, SWITCH))),
      OWN_BODY,
    );
}
