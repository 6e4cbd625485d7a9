import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { TraceHeaders } from "../lib/traceparent.ts";
import type { RequestSpans } from "./telemetry.ts";
import { headersOfSpan, parentContext } from "./trace-context.ts";

/** The part that calls of plugins have in the span of the request that asks for them. */
export interface ServerSpans {
  /** Of the request that came in with this span; undefined where the call has none. */
  join(spanId: string | undefined): JoinedSpan | undefined;
}

export interface JoinedSpan {
  readonly span: Span;
  leave(): void;
}

interface Entry {
  readonly span: Span;
  readonly headers: TraceHeaders;
  /** Calls that are open. */
  calls: number;
  answered: boolean;
}

const TENANT = /^\/plugin\/([^/?]+)\//;

/**
 * An answer is over for its server when the head is there, while a stream goes on: the span of a request ends when its
 * head is there and its calls have ended.
 */
export function createRequestSpans(tracer: Tracer): RequestSpans & ServerSpans {
  const byRequest = new WeakMap<Request, Entry>();
  const bySpan = new Map<string, Entry>();

  function endIfOver({ span, calls, answered }: Entry): void {
    if (calls > 0 || !answered) return;
    bySpan.delete(span.spanContext().spanId);
    span.end();
  }

  return {
    begin(request) {
      const { method, url } = request;
      const incoming = incomingHeaders(request);
      const tenant = TENANT.exec(pathOf(url))?.[1];
      const span = tracer.startSpan(
        method,
        {
          kind: SpanKind.SERVER,
          attributes: {
            "http.request.method": method,
            "url.scheme": url.startsWith("https:") ? "https" : "http",
            ...(tenant !== undefined && { tenant_id: tenant }),
          },
        },
        parentContext(incoming),
      );
      const entry = { span, headers: headersOfSpan(span, incoming), calls: 0, answered: false };
      byRequest.set(request, entry);
      bySpan.set(span.spanContext().spanId, entry);
      return {
        end({ route, status }) {
          // The path itself may hold the secret of a hook.
          if (route !== "") span.updateName(`${method} ${route}`).setAttribute("http.route", route);
          span.setAttribute("http.response.status_code", status);
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          entry.answered = true;
          endIfOver(entry);
        },
      };
    },
    headersOf: (request) => byRequest.get(request)?.headers ?? incomingHeaders(request),
    join(spanId) {
      const entry = spanId === undefined ? undefined : bySpan.get(spanId);
      if (!entry) return undefined;
      entry.calls++;
      return {
        span: entry.span,
        leave() {
          entry.calls--;
          endIfOver(entry);
        },
      };
    },
  };
}

function incomingHeaders({ headers }: Request): TraceHeaders {
  const [traceparent, tracestate, baggage] = ["traceparent", "tracestate", "baggage"].map((name) =>
    headers.get(name),
  );
  return {
    ...(traceparent && { traceparent }),
    ...(tracestate && { tracestate }),
    ...(baggage && { baggage }),
  };
}

function pathOf(url: string): string {
  const at = url.indexOf("/", url.indexOf("//") + 2);
  return at < 0 ? "/" : url.slice(at);
}
