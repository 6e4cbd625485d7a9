import { describe, expect, test } from "bun:test";
import { createRequestTracker } from "../../src/http/request-tracker.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { createMetrics, exposeMetrics } from "../../src/service/metrics.ts";
import { rejection } from "../support/rejection.ts";

function setUp({ logHealth = true } = {}) {
  const lines: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  const note =
    (level: string) =>
    (_message: string, attributes = {}) =>
      void lines.push([level, attributes]);
  const log: Logger = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    with: () => log,
  };
  const metrics = createMetrics();
  const tracker = createRequestTracker({ metrics, log, logHealth });
  async function track(
    path: string,
    options: { status?: number; route?: string; headers?: Record<string, string>; address?: string } = {},
  ) {
    const request = new Request(`http://localhost${path}`, { headers: options.headers ?? {} });
    await tracker.track(
      request,
      () => {
        if (options.route !== undefined) tracker.route(request, options.route);
        return new Response(null, { status: options.status ?? 200 });
      },
      options.address,
    );
    return lines.at(-1);
  }
  return { tracker, track, lines, text: () => exposeMetrics(metrics) };
}

describe("createRequestTracker()", () => {
  test("logs method, path, status, time and client", async () => {
    const { track } = setUp();
    expect(await track("/a/b?c=d", { address: "10.0.0.1" })).toEqual([
      "info",
      { method: "GET", path: "/a/b?c=d", status: 200, latency_ms: expect.any(Number), client_ip: "10.0.0.1" },
    ]);
  });

  test.each([
    [200, "info"],
    [404, "info"],
    [413, "info"],
    [500, "warn"],
  ])(
    "of a hook it logs no query, and %i as %s: its callers and plugins are strangers",
    async (status, level) => {
      const { track } = setUp();
      const line = await track("/e/0a1b/x?key=abc", { status, route: "/e/:hook_id/*" });
      expect(line).toEqual([level, expect.objectContaining({ path: "/e/0a1b/x", status })]);
    },
  );

  test("names the plugin of a call, and the client behind a proxy", async () => {
    const { track } = setUp();
    const headers = { "x-plugin-id": "a/b", "x-forwarded-for": " 1.2.3.4 , 10.0.0.9" };
    expect((await track("/", { headers, address: "10.0.0.1" }))?.[1]).toMatchObject({
      plugin: "a/b",
      client_ip: "1.2.3.4",
    });
  });

  test.each([
    [200, "info"],
    [301, "info"],
    [400, "warn"],
    [404, "warn"],
    [499, "info"],
    [500, "error"],
  ])("status %d is told at level %s", async (status, level) => {
    expect((await setUp().track("/", { status }))?.[0]).toBe(level);
  });

  test("what is polled is told at DEBUG, unless it fails", async () => {
    const { track } = setUp();
    const route = "/plugin/:tenant_id/management/install/tasks/:id";
    expect((await track("/plugin/t/management/install/tasks/1", { route }))?.[0]).toBe("debug");
    expect((await track("/plugin/t/management/install/tasks/1", { route, status: 401 }))?.[0]).toBe("warn");
  });

  test("takes the trace of a caller that has a valid one", async () => {
    const { track } = setUp();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
    expect((await track("/", { headers: { traceparent } }))?.[1]["trace_id"]).toBe(trace);
    for (const broken of ["", traceparent.toUpperCase(), `${traceparent}0`, `01${traceparent.slice(2)}`, "x"])
      expect((await track("/", { headers: { traceparent: broken } }))?.[1]).not.toHaveProperty("trace_id");
  });

  test("leaves health out of the log where it is told to, and nothing else", async () => {
    const { track, lines } = setUp({ logHealth: false });
    await track("/health/check", { route: "/health/check" });
    expect(lines).toEqual([]);
    await track("/health/check?x");
    expect(lines).toHaveLength(1);
  });

  test("counts by route, and what matched none under an empty one", async () => {
    const { track, text } = setUp();
    for (let i = 0; i < 3; i++) await track(`/plugin/${i}/x`, { route: "/plugin/:tenant_id/x" });
    await track("/nope", { status: 404 });
    const figures = await text();
    expect(figures).toContain(
      'plugin_http_requests_total{method="GET",endpoint="/plugin/:tenant_id/x",status="200"} 3',
    );
    expect(figures).toContain('plugin_http_requests_total{method="GET",endpoint="",status="404"} 1');
    expect(figures).toContain(
      'plugin_http_request_duration_seconds_count{method="GET",endpoint="/plugin/:tenant_id/x"} 3',
    );
  });

  test("knows how many are under way, and forgets those that fail", async () => {
    const { tracker, lines } = setUp();
    const answer = Promise.withResolvers<Response>();
    const track = (path: string) =>
      rejection(tracker.track(new Request(`http://localhost${path}`), () => answer.promise, undefined));
    const tracked = [track("/plugin/t/dispatch/tool/invoke"), track("/health/check")];
    expect([tracker.active, tracker.activeDispatch]).toEqual([2, 1]);
    const bug = new TypeError("bug");
    answer.reject(bug);
    expect(await Promise.all(tracked)).toEqual([bug, bug]);
    expect([tracker.active, tracker.activeDispatch]).toEqual([0, 0]);
    expect(lines.map(([level, { status }]) => [level, status])).toEqual([
      ["error", 500],
      ["error", 500],
    ]);
  });
});
