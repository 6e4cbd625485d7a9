import { Elysia } from "elysia";
import type { Logger } from "../../lib/logger.ts";
import { createKeyCheck } from "../auth.ts";
import { connectorFailure, statusOfFailure } from "./connector-errors.ts";
import { type FrontRoutesDeps, frontRoutes } from "./front-routes.ts";
import { type FunctionRoutesDeps, functionRoutes } from "./function-routes.ts";
import { createRequestIds } from "./request-id.ts";
import { type RunnerRoutesDeps, runnerRoutes } from "./runner-routes.ts";

export interface ConnectorAppDeps
  extends FunctionRoutesDeps, Omit<RunnerRoutesDeps, "functions">, Omit<FrontRoutesDeps, "requestIdOf"> {
  /** Compared with `Authorization`, without a scheme, on everything but the functions themselves. */
  readonly key: string;
  readonly log: Logger;
  /** Told the template of the route that a request matched. */
  readonly onRoute: (request: Request, route: string) => void;
}

const LEAST_ERROR_STATUS = 500;

/** The HTTP surface of the connector. */
export function createConnectorApp(deps: ConnectorAppDeps) {
  const requestIdOf = createRequestIds();
  const checkKey = createKeyCheck("authorization", deps.key);
  // Without the second setting the framework misses every path at a host of less than four characters.
  return new Elysia({ strictPath: false, handler: { standardHostname: false } })
    .onError(({ error, code, request, route, set }) => {
      const requestId = requestIdOf(request);
      if (code === "NOT_FOUND") return notFound(set, requestId);
      const status = statusOfFailure(error);
      // Who has left is told nothing; the log has the line of the request.
      if (!request.signal.aborted && status >= LEAST_ERROR_STATUS)
        deps.log.warn("Request failed", { route, request_id: requestId, error });
      // Elysia lets `set` win over the status of the response when that is 200.
      set.status = status;
      return connectorFailure(error, requestId);
    })
    .onBeforeHandle(({ request, route }) => {
      deps.onRoute(request, route);
      return undefined;
    })
    .use(frontRoutes({ ...deps, requestIdOf }))
    .guard({ beforeHandle: ({ request }) => checkKey(request) }, (guarded) =>
      guarded.use(runnerRoutes(deps)).use(functionRoutes(deps)),
    );
}

function notFound(set: { status?: number | string }, requestId: string): Response {
  set.status = 404;
  const message = "There is no such route";
  return Response.json(
    { error: message, errorType: "NotFound", errorMessage: message, requestId },
    { status: 404 },
  );
}
