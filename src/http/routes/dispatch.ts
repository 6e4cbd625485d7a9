import { Elysia } from "elysia";
import { type TraceOf, traceOfRequest } from "../../lib/traceparent.ts";
import { ACTIONS, type ActionRow } from "../../protocol/actions/catalogue.ts";
import type { InvocationTarget, PluginCall } from "../../service/invoke-plugin.ts";
import type { Invocation } from "../../protocol/invocation.ts";
import { answerCall, prepareCall } from "../answer-call.ts";
import { BindingError } from "../binding-error.ts";

export interface DispatchRoutesDeps {
  /** What the calls are followed by; without it, what came with the request. */
  readonly traceOf?: TraceOf | undefined;
  resolve(tenantId: string, pluginId: string): Promise<InvocationTarget>;
  invoke(target: InvocationTarget, call: PluginCall, signal: AbortSignal): Promise<Invocation>;
}

/** All calls of plugins, one route for each row of the catalogue (contract/http-api 3.2). */
export function dispatchRoutes(deps: DispatchRoutesDeps) {
  const app = new Elysia({ name: "dispatch", prefix: "/plugin/:tenant_id/dispatch" });
  for (const row of ACTIONS)
    app.post(row.path, ({ params, request }) => dispatch(deps, row, params["tenant_id"] ?? "", request), {
      parse: "none",
    });
  return app;
}

async function dispatch(deps: DispatchRoutesDeps, row: ActionRow, tenantId: string, request: Request) {
  const pluginId = request.headers.get("x-plugin-id") ?? "";
  if (pluginId === "") throw new BindingError("plugin_id is required");
  if (tenantId === "") throw new BindingError("tenant_id is required");
  const target = await deps.resolve(tenantId, pluginId);
  const prepared = await prepareCall(row, request);
  const headers = (deps.traceOf ?? traceOfRequest)(request);
  return answerCall(row, prepared, (call) => deps.invoke(target, { ...call, headers }, request.signal));
}
