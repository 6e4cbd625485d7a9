/** W3C trace context, version 00; the flags may be any two characters (contract/http-api 1.2). */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-z]{2})$/;

/** What goes with a request from service to service: W3C trace context and baggage, as text and unchecked. */
export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

/** What a request is followed by. */
export type TraceOf = (request: Request) => TraceHeaders;

/** The header as it came. */
export const traceOfRequest: TraceOf = ({ headers }) => {
  const traceparent = headers.get("traceparent");
  return traceparent === null ? {} : { traceparent };
};

/** Of a `traceparent` header. Undefined where it is absent or malformed, which is ignored. */
export function parseTraceparent(
  header: string | null | undefined,
): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header ?? "") ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  const traceFlags = Number.parseInt(flags ?? "", 16);
  return { traceId, spanId, traceFlags: Number.isNaN(traceFlags) ? 0 : traceFlags };
}

/**
 * What calls carry that serve a request: the trace and span of its `traceparent` header, or new ones where it has none
 * that can be used.
 */
export function passOnTrace(header: string | null | undefined): string {
  const { traceId = randomHex(16), spanId = randomHex(8) } = parseTraceparent(header) ?? {};
  return `00-${traceId}-${spanId}-01`;
}

/** The same, for a request. */
export const passedOnTrace: TraceOf = ({ headers }) => ({
  traceparent: passOnTrace(headers.get("traceparent")),
});

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
