import type { Logger } from "../../lib/logger.ts";
import type { RequestTracker } from "../request-tracker.ts";

const LEAST_FAILURE = 400;

/**
 * Counts requests, and logs those of the connector's own API. Calls of functions are logged where it is known how they
 * went, and their paths hold what makes them callable.
 */
export function createConnectorTracker(log: Logger): RequestTracker {
  const routes = new WeakMap<Request, string>();
  let active = 0;

  return {
    get active() {
      return active;
    },
    activeDispatch: 0,
    route: (request, template) => void routes.set(request, template),
    async track(request, answer, clientAddress) {
      const began = performance.now();
      active++;
      let status = 500;
      try {
        const response = await answer();
        status = response.status;
        return response;
      } finally {
        active--;
        const route = routes.get(request) ?? "";
        const changesNothing = route.startsWith("/f/") || request.method === "GET";
        log[changesNothing && status < LEAST_FAILURE ? "debug" : "info"]("HTTP request", {
          method: request.method,
          route,
          status,
          latency_ms: Math.round(performance.now() - began),
          client_ip: clientAddress,
        });
      }
    },
  };
}
