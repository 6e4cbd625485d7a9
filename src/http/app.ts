import { type AnyElysia, Elysia } from "elysia";
import type { Logger } from "../lib/logger.ts";
import { VERSION } from "../lib/version.ts";
import { createKeyCheck } from "./auth.ts";
import { BindingError } from "./binding-error.ts";
import { failureOf, severityOf, statusOf } from "./errors.ts";
import { allOperations } from "./openapi/all-operations.ts";
import { buildDocument, type Document } from "./openapi/document.ts";
import { createRouteMatcher } from "./route-matcher.ts";
import { type DispatchRoutesDeps, dispatchRoutes } from "./routes/dispatch.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { type SystemRoutesDeps, systemRoutes } from "./routes/system.ts";

export interface AppDeps {
  /** Compared with `X-Api-Key` on everything below `/plugin` and `/v2`. */
  readonly serverKey: string;
  readonly system: SystemRoutesDeps;
  readonly dispatch: DispatchRoutesDeps;
  /** `/openapi.json` and `/docs` need no key. */
  readonly openDocs: boolean;
  /** Modules that need no key. */
  readonly open?: readonly AnyElysia[];
  /** Further modules behind the key. */
  readonly guarded: readonly AnyElysia[];
  readonly log: Logger;
  /** Told the template of the route that a request matched. */
  readonly onRoute: (request: Request, route: string) => void;
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
/** For the log alone: nobody is there to read it. */
const CLIENT_LEFT = 499;
const NOT_FOUND = '{"code":"not_found","message":"route not found"}';

/** The HTTP surface. Reads as a table of contents; what a route does stands in its module and its service. */
export function createApp(deps: AppDeps) {
  const { log } = deps;
  const checkKey = createKeyCheck("x-api-key", deps.serverKey);
  const checkKeyOf = ({ request }: { readonly request: Request }) => checkKey(request);
  const docs = openApiRoutes({ document });
  const open = new Elysia();
  for (const module of deps.open ?? []) open.use(module);
  // Without the second setting the framework misses every path at a host of less than four characters.
  const app = new Elysia({ strictPath: true, handler: { standardHostname: false } })
    .onError(({ error, code, request, route, set }) => {
      if (code === "NOT_FOUND") return notFound(request);
      if (request.signal.aborted) {
        set.status = CLIENT_LEFT;
        return new Response(null, { status: CLIENT_LEFT });
      }
      const status = statusOf(error, { typed: hasTypedStatus(route) });
      const severity = severityOf(error);
      if (severity) log[severity]("Request failed", { method: request.method, route, error });
      // Elysia lets `set` win over the status of the response when that is 200.
      set.status = status;
      return new Response(JSON.stringify(failureOf(error)), { status, headers: JSON_TYPE });
    })
    .onBeforeHandle(({ request, route }) => {
      // The framework answers HEAD with the handler of GET; here a route has the methods that it was given.
      if (request.method === "HEAD" && !matches("HEAD", new URL(request.url).pathname))
        return notFound(request);
      deps.onRoute(request, route);
      return undefined;
    })
    .use(systemRoutes(deps.system))
    .use(deps.openDocs ? docs : new Elysia())
    .use(open)
    .guard({ beforeHandle: [checkKeyOf, checkPath] }, (guarded) => {
      let routes: AnyElysia = guarded.use(dispatchRoutes(deps.dispatch));
      for (const module of deps.guarded) routes = routes.use(module);
      return deps.openDocs ? routes : routes.use(docs);
    });
  const matches = createRouteMatcher(app.routes);

  function document(): Document {
    const operations = allOperations(deps);
    const routes = app.routes.map(({ method, path }) => ({
      method,
      path,
      operation: operations[`${method} ${path}`],
    }));
    return buildDocument({ version: VERSION, routes });
  }

  /** A path that only lacks or exceeds a slash is sent to where it should be (contract/http-api 1.9). */
  function notFound(request: Request): Response {
    const { pathname, search } = new URL(request.url);
    const other = pathname.endsWith("/") ? pathname.slice(0, -1) : `${pathname}/`;
    if (!matches(request.method, other)) return new Response(NOT_FOUND, { status: 404, headers: JSON_TYPE });
    const prefix = request.headers.get("x-forwarded-prefix") ?? "";
    return new Response(`Moved to ${other}\n`, {
      status: request.method === "GET" ? 301 : 307,
      headers: { location: `${prefix}${other}${search}` },
    });
  }

  return app;
}

/** The framework leaves a parameter out that is no valid escape of UTF-8, such as `%zz`. Some routes have none at all. */
function checkPath({ params }: { readonly params?: Readonly<Record<string, unknown>> }): void {
  for (const value of Object.values(params ?? {}))
    if (typeof value !== "string")
      throw new BindingError("Cannot read the path: it has an invalid URL escape");
}

/** Routes whose failures show in the HTTP status; the others answer 200 with the code in the envelope. */
function hasTypedStatus(route: string | undefined): boolean {
  return /^\/(?:e\/:hook_id|debug\/pprof|function\/:secret|backwards-invocation|plugin\/:tenant_id\/(?:dispatch|asset|extract-asset)|v2\/invoke\/dispatch)\//.test(
    route ?? "",
  );
}
