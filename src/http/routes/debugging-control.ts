import { Elysia } from "elysia";
import type { DebugControl } from "../../service/debug-control.ts";
import { success } from "../envelope.ts";
import { text } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { enveloped, type Operations } from "../openapi/operation.ts";
import { decodeFields } from "../request-fields.ts";

export interface DebuggingControlRoutesDeps {
  readonly control: Pick<DebugControl, "continue" | "reload" | "release">;
}

const PREFIX = "/plugin/:tenant_id/debugging";
const PLUGIN = { pluginId: text("plugin_id") };
const DONE = enveloped({ const: true });

/** What these routes tell about themselves. */
export const debuggingControlOperations = (): Operations => ({
  [`POST ${PREFIX}/continue`]: {
    operationId: "continuePlugin",
    summary: "Let a plugin go on that stands at a breakpoint",
    tags: ["Debugging"],
    ...describeFields(PLUGIN),
    responses: DONE,
  },
  [`POST ${PREFIX}/reload`]: {
    operationId: "reloadPlugin",
    summary: "Ask a plugin that is debugged to load its code anew",
    tags: ["Debugging"],
    ...describeFields(PLUGIN),
    responses: DONE,
  },
  [`POST ${PREFIX}/release`]: {
    operationId: "releasePlugin",
    summary: "Say that the developer of a plugin goes and does not come back",
    description:
      "What is installed serves calls as soon as the last connection has ended, without a time of grace",
    tags: ["Debugging"],
    ...describeFields(PLUGIN),
    responses: DONE,
  },
});

/** What an operator asks of a plugin that is debugged. Routes of our own; the reference has nothing like them. */
export function debuggingControlRoutes({ control }: DebuggingControlRoutesDeps) {
  const asked =
    (what: keyof typeof control) =>
    async ({
      params,
      request,
    }: {
      readonly params: { readonly tenant_id: string };
      readonly request: Request;
    }) => {
      const { pluginId } = await decodeFields(request, PLUGIN);
      await control[what]({ tenantId: params.tenant_id, pluginId });
      return success(true);
    };
  return new Elysia({ name: "debugging-control", prefix: PREFIX })
    .post("/continue", asked("continue"))
    .post("/reload", asked("reload"))
    .post("/release", asked("release"));
}
