import { Elysia } from "elysia";
import { parseExact } from "../../lib/exact-json.ts";
import { ACTIONS, type ActionRow } from "../../protocol/actions/catalogue.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { InvocationTarget, PluginCall } from "../../service/invoke-plugin.ts";
import type { Invocation } from "../../protocol/invocation.ts";
import { BindingError } from "../binding-error.ts";
import { success } from "../envelope.ts";
import { sse } from "../sse.ts";

export interface DispatchRoutesDeps {
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
  const prepared = row.prepare(await readBody(request));
  const invocation = await deps.invoke(
    target,
    {
      type: row.type,
      action: row.action,
      session: prepared.session,
      data: prepared.data,
      decodeItem: row.createItemDecoder(),
    },
    request.signal,
  );
  return row.unary ? lastItem(invocation) : sse(invocation);
}

/** Only a JSON content type has the fields of an operation; anything else ends in "required" failures. */
async function readBody(request: Request): Promise<{ readonly value: unknown; readonly exact: unknown }> {
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const text = mediaType === "application/json" ? await request.text() : "";
  if (text.trim() === "") return { value: {}, exact: {} };
  try {
    return parseExact(text);
  } catch (cause) {
    throw new BindingError(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Polling answers once, with the plugin's last item (contract/http-api 4.7). */
async function lastItem(invocation: Invocation): Promise<Response> {
  let last: string | undefined;
  for (;;) {
    const { items, end } = await invocation.take();
    last = items.at(-1) ?? last;
    if (!end) continue;
    switch (end.kind) {
      case "completed":
        if (last === undefined) throw noPollingResult();
        return new Response(`{"code":0,"message":"success","data":${last}}`, {
          headers: { "content-type": "application/json; charset=utf-8" },
        });
      case "cancelled":
        return Response.json(success(null));
      case "timeout":
        throw new DaemonError("timeout", "killed by timeout");
      case "plugin_error":
      case "connection_closed":
      case "overflow":
        throw new DaemonError("plugin_failed", end.error.message, { plugin: end.error });
    }
  }
}

function noPollingResult(): DaemonError {
  const message = "no polling result received from plugin";
  return new DaemonError("plugin_failed", message, {
    plugin: { error_type: "PluginDaemonInnerError", message, args: {} },
  });
}
