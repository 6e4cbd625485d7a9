import type { Logger } from "../lib/logger.ts";
import { parseTraceparent } from "../lib/traceparent.ts";
import type { Metrics } from "../service/metrics.ts";

/** Counts, times and logs requests. */
export interface RequestTracker {
  /** Requests that are being answered, streams included. */
  readonly active: number;
  /** Of these, calls of plugins, webhooks too. */
  readonly activeDispatch: number;
  /** The template of the route that a request matched. */
  route(request: Request, template: string): void;
  track(
    request: Request,
    answer: () => Response | Promise<Response>,
    clientAddress: string | undefined,
  ): Promise<Response>;
}

export interface RequestTrackerOptions {
  readonly metrics: Metrics;
  readonly log: Logger;
  /** `HEALTH_API_LOG_ENABLED`. */
  readonly logHealth: boolean;
  readonly spans?: Pick<RequestFollower, "begin"> | undefined;
}

/** Follows single requests. */
export interface RequestFollower {
  begin(request: Request): {
    /** The head of the answer is there. `route` is a template, empty where there is none. */
    end(of: { readonly route: string; readonly status: number }): void;
  };
}

/** Asked several times a second while something is installed; at level INFO these lines would bury all others. */
const POLLED: ReadonlySet<string> = new Set([
  "/plugin/:tenant_id/management/install/tasks",
  "/plugin/:tenant_id/management/install/tasks/:id",
]);

/** Anybody calls these, with addresses that hold secrets, and plugins answer what they like. */
const HOOKS = "/e/:hook_id/*";

/**
 * Times end with the answer's head for streams that go on: the session's own metrics tell how long these ran.
 */
export function createRequestTracker(options: RequestTrackerOptions): RequestTracker {
  const { metrics, log, spans } = options;
  const routes = new WeakMap<Request, string>();
  let active = 0;
  let activeDispatch = 0;

  function finish(request: Request, status: number, began: number, clientAddress: string | undefined): void {
    const endpoint = routes.get(request) ?? "";
    const seconds = (performance.now() - began) / 1000;
    metrics.httpRequests.inc({ method: request.method, endpoint, status });
    metrics.httpSeconds.observe({ method: request.method, endpoint }, seconds);
    if (endpoint === "/health/check" && !options.logHealth) return;
    const traceId = parseTraceparent(request.headers.get("traceparent"))?.traceId;
    const plugin = request.headers.get("x-plugin-id");
    const isHook = endpoint === HOOKS;
    const path = pathOf(request.url);
    const attributes = {
      method: request.method,
      path: isHook ? path.split("?", 1)[0] : path,
      ...(plugin !== null && { plugin }),
      status,
      latency_ms: Math.round(seconds * 1000),
      client_ip: request.headers.get("x-forwarded-for")?.split(",")[0]?.trim() ?? clientAddress,
      ...(traceId !== undefined && { trace_id: traceId }),
    };
    if (isHook) log[status >= 500 ? "warn" : "info"]("HTTP request", attributes);
    else if (status >= 500) log.error("HTTP request", attributes);
    // 499: the client left, which is no more a failure than to close a book.
    else if (status >= 400 && status !== 499) log.warn("HTTP request", attributes);
    else if (POLLED.has(endpoint)) log.debug("HTTP request", attributes);
    else log.info("HTTP request", attributes);
  }

  return {
    get active() {
      return active;
    },
    get activeDispatch() {
      return activeDispatch;
    },
    route(request, template) {
      routes.set(request, template);
    },
    async track(request, answer, clientAddress) {
      const began = performance.now();
      active++;
      const isDispatch = isPluginCall(pathOf(request.url));
      if (isDispatch) activeDispatch++;
      const span = spans?.begin(request);
      let status = 500;
      try {
        const response = await answer();
        status = response.status;
        return response;
      } finally {
        active--;
        if (isDispatch) activeDispatch--;
        finish(request, status, began, clientAddress);
        span?.end({ route: routes.get(request) ?? "", status });
      }
    },
  };
}

/** Has a session, or is about to. */
function isPluginCall(path: string): boolean {
  return path.includes("/dispatch/") || path.startsWith("/e/");
}

function pathOf(url: string): string {
  const at = url.indexOf("/", url.indexOf("//") + 2);
  return at < 0 ? "/" : url.slice(at);
}
