/** W3C trace context, version 00; the flags may be any two characters (contract/http-api 1.2). */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-z]{2}$/;

/** What goes with a request from service to service: W3C trace context and baggage, as text and unchecked. */
export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

export function traceHeadersOf({ headers }: Pick<Request, "headers">): TraceHeaders {
  const traceparent = headers.get("traceparent");
  return traceparent === null ? {} : { traceparent };
}

/** The trace that a request belongs to. Undefined where the header is absent or malformed, which is ignored. */
export function traceIdOf(header: string | null | undefined): string | undefined {
  return TRACEPARENT.exec(header ?? "")?.[1];
}

/**
 * What calls carry that serve a request: the trace and span of its `traceparent` header, or new ones where it has none
 * that can be used.
 */
export function passOnTrace(header: string | null | undefined): string {
  const [, trace, span] = TRACEPARENT.exec(header ?? "") ?? [];
  return `00-${trace ?? randomHex(16)}-${span ?? randomHex(8)}-01`;
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
