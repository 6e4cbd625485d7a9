import { parseTraceparent } from "../../lib/traceparent.ts";

/** Names one request in answers and logs: by its trace where it has one. The same for each look at a request. */
export function createRequestIds(): (request: Request) => string {
  const ids = new WeakMap<Request, string>();
  return (request) => {
    const known = ids.get(request);
    if (known !== undefined) return known;
    const id = parseTraceparent(request.headers.get("traceparent"))?.traceId ?? crypto.randomUUID();
    ids.set(request, id);
    return id;
  };
}
