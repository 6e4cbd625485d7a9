import { Elysia } from "elysia";

export interface SystemRoutesDeps {
  /** Body of `/health/check` (contract/http-api 3.1). */
  health(): Readonly<Record<string, unknown>>;
  /** Prometheus text; undefined when `PROMETHEUS_ENABLED` is off. */
  readonly metrics: (() => Promise<string>) | undefined;
}

export function systemRoutes(deps: SystemRoutesDeps) {
  const app = new Elysia({ name: "system" }).get("/health/check", () => deps.health());
  const { metrics } = deps;
  if (metrics)
    app.get(
      "/metrics/",
      async () =>
        new Response(await metrics(), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    );
  return app;
}
