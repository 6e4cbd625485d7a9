import { errorMessage } from "../lib/describe-error.ts";
import { parseExact } from "../lib/exact-json.ts";
import type { DispatchRequest } from "../protocol/actions/action.ts";
import type { ActionRow } from "../protocol/actions/catalogue.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { Invocation } from "../protocol/invocation.ts";
import type { PluginCall } from "../service/invoke-plugin.ts";
import { BindingError } from "./binding-error.ts";
import { success } from "./envelope.ts";
import { sse } from "./sse.ts";

/** What a row of the catalogue made of a request, and the characters of its body. */
export type PreparedCall = DispatchRequest & {
  readonly requestBytes: number;
};

/** Checks and fills the body of a call. Throws for a body that is no JSON, and for fields that fail. */
export async function prepareCall(row: ActionRow, request: Request): Promise<PreparedCall> {
  const { bytes, ...body } = await readBody(request);
  return { ...row.prepare(body), requestBytes: bytes };
}

/** Opens the session and answers as the action does: with a stream, or for polling with one envelope. */
export async function answerCall(
  row: ActionRow,
  prepared: PreparedCall,
  invoke: (call: PluginCall) => Promise<Invocation>,
): Promise<Response> {
  const { session, data, requestBytes } = prepared;
  const { type, action } = row;
  const invocation = await invoke({
    type,
    action,
    session,
    data,
    decodeItem: row.createItemDecoder(),
    requestBytes,
  });
  return row.unary ? lastItem(invocation) : sse(invocation);
}

/** Only a JSON content type has the fields of an operation; anything else ends in "required" failures. */
async function readBody(
  request: Request,
): Promise<{ readonly value: unknown; readonly exact: unknown; readonly bytes: number }> {
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const text = mediaType === "application/json" ? await request.text() : "";
  if (text.trim() === "") return { value: {}, exact: {}, bytes: text.length };
  try {
    return { ...parseExact(text), bytes: text.length };
  } catch (cause) {
    throw new BindingError(errorMessage(cause));
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
