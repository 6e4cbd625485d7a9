import { Elysia } from "elysia";
import { answerSchema } from "../openapi/json-schema.ts";
import { type Operations, PUBLIC } from "../openapi/operation.ts";
import { Health } from "../openapi/shapes.ts";

export interface SystemRoutesDeps {
  /** Body of `/health/check` (contract/http-api 3.1). */
  health(): Readonly<Record<string, unknown>>;
  /** Prometheus text; undefined when `PROMETHEUS_ENABLED` is off. */
  readonly metrics: (() => Promise<string>) | undefined;
}

/** What these routes tell about themselves; made when somebody asks, for a start must not wait for it. */
export const systemOperations = (): Operations => ({
  "GET /health/check": {
    operationId: "checkHealth",
    summary: "Whether the daemon answers, and how busy it is",
    tags: ["System"],
    ...PUBLIC,
    responses: {
      "200": {
        description: "Always",
        content: { "application/json": { schema: answerSchema(Health) } },
      },
    },
  },
  "GET /metrics/": {
    operationId: "readMetrics",
    summary: "Prometheus text exposition",
    tags: ["System"],
    ...PUBLIC,
    responses: {
      "200": { description: "The figures", content: { "text/plain": { schema: { type: "string" } } } },
    },
  },
});

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
