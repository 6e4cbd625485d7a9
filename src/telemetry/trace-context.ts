import {
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  trace,
} from "@opentelemetry/api";
import { parseTraceparent, type TraceHeaders } from "../lib/traceparent.ts";

/** Longer ones may be dropped (W3C Trace Context 3.3.1.5, W3C Baggage 3.3.2). */
const MAX_TRACESTATE = 512;
const MAX_BAGGAGE = 8192;

/** The context of who asks; the root where the headers name none that can be used. */
export function parentContext(headers: TraceHeaders): Context {
  const parent = parseTraceparent(headers.traceparent);
  if (!parent) return ROOT_CONTEXT;
  const { tracestate } = headers;
  const context = {
    ...parent,
    isRemote: true,
    ...(tracestate !== undefined &&
      tracestate.length <= MAX_TRACESTATE && { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

/** What carries a span on. Baggage goes through as it came: nothing is added here. */
export function headersOfSpan(span: Span, { baggage }: TraceHeaders): TraceHeaders {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const tracestate = traceState?.serialize() ?? "";
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    ...(tracestate !== "" && { tracestate }),
    ...(baggage !== undefined && baggage.length <= MAX_BAGGAGE && { baggage }),
  };
}
