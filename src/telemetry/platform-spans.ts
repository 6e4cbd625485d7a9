import { SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { isRecord } from "../lib/is-record.ts";
import type { FollowPlatformCall } from "./telemetry.ts";
import { headersOfSpan, parentContext } from "./trace-context.ts";

/** A span for each request to the platform that no plugin asks for. */
export function createPlatformSpans(tracer: Tracer): FollowPlatformCall {
  return async ({ path, body, trace }, work) => {
    const tenant = isRecord(body) ? body["tenant_id"] : undefined;
    const span = tracer.startSpan(
      `POST /inner/api/${path}`,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          "http.request.method": "POST",
          ...(typeof tenant === "string" && { tenant_id: tenant }),
        },
      },
      parentContext(trace),
    );
    try {
      return await work(headersOfSpan(span, trace));
    } catch (cause) {
      // What the platform says may quote what it was sent, and that is secrets.
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw cause;
    } finally {
      span.end();
    }
  };
}
