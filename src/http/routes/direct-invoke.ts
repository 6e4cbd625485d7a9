import { Elysia } from "elysia";
import { type TraceOf, traceOfRequest } from "../../lib/traceparent.ts";
import { ACTIONS, type ActionRow } from "../../protocol/actions/catalogue.ts";
import { type Identifier, parseIdentifier } from "../../protocol/identifier.ts";
import type { StoredPackages } from "../../service/decode-package.ts";
import type { InvokePlugin } from "../../service/invoke-plugin.ts";
import { answerCall, prepareCall } from "../answer-call.ts";
import { BindingError, fieldError } from "../binding-error.ts";
import { success } from "../envelope.ts";

export interface DirectInvokeDeps extends Pick<InvokePlugin, "resolveDirect" | "invoke"> {
  readonly packages: Pick<StoredPackages, "decode">;
  /** What the calls are followed by; without it, what came with the request. */
  readonly traceOf?: TraceOf | undefined;
}

/**
 * Calls of a version of a plugin by tools that know no installation (contract/http-api 3.3): the identifier stands in a
 * header, the tenant in the body. Polling has no twin here.
 */
export function directInvokeRoutes(deps: DirectInvokeDeps) {
  const app = new Elysia({ name: "direct-invoke", prefix: "/v2/invoke" }).get(
    "/extract",
    async ({ request }) => success(await deps.packages.decode(identifierOf(request).text)),
  );
  for (const row of ACTIONS)
    if (!row.unary)
      app.post(`/dispatch${row.path}`, ({ request }) => invokeDirectly(deps, row, request), {
        parse: "none",
      });
  return app;
}

async function invokeDirectly(deps: DirectInvokeDeps, row: ActionRow, request: Request): Promise<Response> {
  const target = await deps.resolveDirect(identifierOf(request));
  const prepared = await prepareCall(row, request);
  const tenantId = prepared.tenantIdFromBody;
  if (tenantId === undefined) throw fieldError([{ field: "tenant_id", rule: "required" }]);
  const headers = (deps.traceOf ?? traceOfRequest)(request);
  return answerCall(row, prepared, (call) =>
    deps.invoke({ ...target, tenantId }, { ...call, headers }, request.signal),
  );
}

function identifierOf(request: Request): Identifier {
  const text = request.headers.get("x-plugin-unique-identifier") ?? "";
  if (text === "") throw new BindingError("X-Plugin-Unique-Identifier header is required");
  const identifier = parseIdentifier(text);
  if (!identifier)
    throw new BindingError(`plugin_unique_identifier is not valid: ${text}`, "invalid_identifier");
  return identifier;
}
