import {
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { parseTraceparent } from "../lib/traceparent.ts";
import type { CallBackTrace, CallEvent, CallOutcome, CallTrace } from "../service/call-trace.ts";
import type { JoinedSpan, ServerSpans } from "./request-spans.ts";
import type { CallSpans } from "./telemetry.ts";
import { headersOfSpan, parentContext } from "./trace-context.ts";

/** Bounds of contract/lifecycle 9.3, in seconds. */
export const DURATION_BOUNDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
] as const;

interface Opened {
  readonly span: Span;
  readonly server: JoinedSpan | undefined;
}

/** Spans and metrics of calls, from the events of their traces. */
export function createCallSpans({
  tracer,
  meter,
  servers,
}: {
  readonly tracer: Tracer;
  readonly meter: Meter;
  readonly servers: ServerSpans;
}): CallSpans {
  const opened = new WeakMap<CallTrace, Opened>();
  const callBacks = new WeakMap<CallBackTrace, Span>();
  const count = meter.createCounter("plugin.invocations", {
    unit: "{call}",
    description: "Calls of plugins",
  });
  const duration = meter.createHistogram("plugin.invocation.duration", {
    unit: "s",
    description: "Time of a call of a plugin",
    advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
  });

  function begin(call: CallTrace): void {
    const server = servers.join(parseTraceparent(call.headers.traceparent)?.spanId);
    server?.span.setAttribute("tenant_id", call.tenantId);
    const span = tracer.startSpan(
      "plugin.invoke",
      {
        kind: SpanKind.INTERNAL,
        startTime: call.beganAt,
        attributes: {
          tenant_id: call.tenantId,
          "session.id": call.sessionId,
          "plugin.action": call.action,
          "plugin.request.size": call.requestBytes,
        },
      },
      parentContext(call.headers),
    );
    opened.set(call, { span, server });
  }

  function beginCallBack(call: CallTrace, callBack: CallBackTrace): void {
    const parent = opened.get(call);
    if (!parent) return;
    // What plugins store is kept here, and what is unknown goes nowhere.
    const isRemote = callBack.type !== "storage" && callBack.type !== "unknown";
    const span = tracer.startSpan(
      `plugin.backwards_call ${callBack.type}`,
      {
        kind: isRemote ? SpanKind.CLIENT : SpanKind.INTERNAL,
        startTime: call.beganAt + callBack.beganMs,
        attributes: {
          tenant_id: call.tenantId,
          "session.id": call.sessionId,
          "plugin.id": call.pluginId,
          "plugin.backwards_call.type": callBack.type,
          "plugin.request.size": callBack.requestBytes,
          ...(isRemote && { "http.request.method": "POST" }),
        },
      },
      trace.setSpan(parentContext(call.headers), parent.span),
    );
    callBacks.set(callBack, span);
  }

  function endCallBack(call: CallTrace, callBack: CallBackTrace): void {
    const span = callBacks.get(callBack);
    if (!span) return;
    const { outcome, firstByteMs, endMs = 0 } = callBack;
    if (firstByteMs !== undefined) span.addEvent("first_byte", {}, call.beganAt + firstByteMs);
    span.setAttribute("plugin.response.size", callBack.responseBytes);
    if (outcome !== undefined) span.setAttribute("plugin.outcome", outcome);
    if (outcome === "error" || outcome === "refused") span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(call.beganAt + endMs);
  }

  function end(call: CallTrace): void {
    const { span, server } = opened.get(call) ?? {};
    const { beganAt, sentMs, firstItemMs, endMs = 0, outcome = "daemon_error" } = call;
    const attributes = attributesOf(call, outcome);
    if (span) {
      if (sentMs !== undefined) span.addEvent("sent", {}, beganAt + sentMs);
      if (firstItemMs !== undefined) span.addEvent("first_item", {}, beganAt + firstItemMs);
      span.setAttributes({
        ...attributes,
        "plugin.response.items": call.delivered.items,
        "plugin.response.size": call.delivered.bytes,
        "plugin.backwards_calls": call.callsBack.total,
      });
      if (call.errorType !== undefined) span.setAttribute("error.type", call.errorType);
      if (attributes["plugin.outcome"] === "error")
        span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
      span.end(beganAt + endMs);
    }
    record({ count, duration }, attributes, endMs / 1000);
    server?.leave();
  }

  return {
    observe(event: CallEvent) {
      if (event.kind === "call_began") begin(event.call);
      else if (event.kind === "call_ended") end(event.call);
      else if (event.kind === "call_back_began") beginCallBack(event.call, event.callBack);
      else if (event.kind === "call_back_ended") endCallBack(event.call, event.callBack);
    },
    headersOf(call, callBack) {
      const span = (callBack && callBacks.get(callBack)) ?? opened.get(call)?.span;
      return span ? headersOfSpan(span, call.headers) : call.headers;
    },
  };
}

function record(
  { count, duration }: { readonly count: Counter; readonly duration: Histogram },
  attributes: Attributes,
  seconds: number,
): void {
  count.add(1, attributes);
  duration.record(seconds, attributes);
}

function attributesOf(call: CallTrace, outcome: CallOutcome) {
  return {
    "plugin.id": call.pluginId,
    "plugin.version": /:([^@]*)/.exec(call.identifier)?.[1] ?? "",
    "plugin.runtime_type": call.runtimeType,
    "plugin.access_type": call.type,
    "plugin.outcome": outcomeOf(outcome),
  };
}

function outcomeOf(outcome: CallOutcome): "success" | "error" | "canceled" {
  if (outcome === "success") return "success";
  return outcome === "client_disconnect" ? "canceled" : "error";
}
