import { Elysia } from "elysia";
import {
  SESSION_HEADER,
  SIGNATURE_HEADER,
  STAMP_HEADER,
  TIMESTAMP_HEADER,
} from "../../protocol/serverless/signature.ts";
import type { InvokeFunction } from "../../service/connector/invoke-function.ts";
import { readCallBody } from "./read-call-body.ts";

export interface FrontRoutesDeps {
  readonly invoke: InvokeFunction;
  readonly maxRequestBytes: number;
  readonly requestIdOf: (request: Request) => string;
}

/** The functions themselves. Without the connector's key: who calls knows the URL, and signs where that is asked for. */
export function frontRoutes({ invoke, maxRequestBytes, requestIdOf }: FrontRoutesDeps) {
  return new Elysia({ name: "connector-front" }).post(
    "/f/:id/invoke",
    async ({ params, query, request }) => {
      const { headers } = request;
      const body = await readCallBody(request, maxRequestBytes);
      return invoke(
        {
          functionId: params.id,
          action: query["action"] ?? "",
          sessionId: headers.get(SESSION_HEADER) ?? headers.get("dify-plugin-session-id") ?? "",
          signature: headers.get(SIGNATURE_HEADER),
          stamp: stampOf(headers),
          traceparent: headers.get("traceparent") ?? undefined,
          requestId: requestIdOf(request),
          body,
        },
        request.signal,
      );
    },
    { parse: "none" },
  );
}

function stampOf(headers: Headers) {
  const stamp = headers.get(STAMP_HEADER);
  return stamp === null ? undefined : { stamp, timestamp: headers.get(TIMESTAMP_HEADER) ?? "" };
}
