import { type ProtobufMessage, readProtobuf } from "./protobuf.ts";

type Values = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "other";
  readonly attributes: Values;
  readonly events: readonly string[];
  readonly failed: boolean;
  readonly traceState: string;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly resource: Values;
}

export interface ReceivedPoint {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Values;
  /** The sum of a counter, the count of a histogram. */
  readonly value: number;
  readonly bounds: readonly number[];
}

/** An OTLP/HTTP collector that keeps what it gets. */
export interface OtlpCollector extends Disposable {
  /** For the daemon under test: sends at once. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly ReceivedSpan[];
  readonly points: readonly ReceivedPoint[];
  /** Method, path and headers of all requests. */
  readonly requests: readonly { readonly path: string; readonly headers: Headers }[];
}

type Answer = () => Response | Promise<Response>;

const accepted: Answer = () =>
  new Response(new Uint8Array(), { headers: { "content-type": "application/x-protobuf" } });

export function otlpCollector(answer: Answer = accepted): OtlpCollector {
  const spans: ReceivedSpan[] = [];
  const points: ReceivedPoint[] = [];
  const requests: { path: string; headers: Headers }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname: path } = new URL(request.url);
      requests.push({ path, headers: request.headers });
      const message = readProtobuf(await request.bytes());
      if (path === "/v1/traces") spans.push(...readSpans(message));
      if (path === "/v1/metrics") points.push(...readPoints(message));
      return answer();
    },
  });
  return {
    env: {
      ENABLE_OTEL: "true",
      OTLP_BASE_ENDPOINT: `http://127.0.0.1:${server.port}/`,
      OTEL_BATCH_EXPORT_SCHEDULE_DELAY: "20",
    },
    spans,
    points,
    requests,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function readSpans(request: ProtobufMessage): ReceivedSpan[] {
  return request.messages(1).flatMap((resourceSpans) => {
    const resource = valuesOf(resourceSpans.messages(1)[0]?.messages(1) ?? []);
    return resourceSpans.messages(2).flatMap((scope) =>
      scope.messages(2).map((span): ReceivedSpan => ({
        traceId: span.hex(1),
        spanId: span.hex(2),
        traceState: span.text(3),
        parentSpanId: span.hex(4),
        name: span.text(5),
        kind: ({ 1: "internal", 2: "server", 3: "client" } as const)[Number(span.number(6))] ?? "other",
        startMs: Number(span.number(7)) / 1e6,
        endMs: Number(span.number(8)) / 1e6,
        attributes: valuesOf(span.messages(9)),
        events: span.messages(11).map((event) => event.text(2)),
        failed: span.messages(15)[0]?.number(3) === 2n,
        resource,
      })),
    );
  });
}

function readPoints(request: ProtobufMessage): ReceivedPoint[] {
  return request.messages(1).flatMap((resourceMetrics) =>
    resourceMetrics.messages(2).flatMap((scope) =>
      scope.messages(2).flatMap((metric) => {
        const of = { metric: metric.text(1), unit: metric.text(3) };
        const sums = metric.messages(7).flatMap((sum) => sum.messages(1));
        const histograms = metric.messages(9).flatMap((histogram) => histogram.messages(1));
        return [
          ...sums.map((point) => ({
            ...of,
            attributes: valuesOf(point.messages(7)),
            value: point.has(6) ? Number(point.number(6)) : point.double(4),
            bounds: [],
          })),
          ...histograms.map((point) => ({
            ...of,
            attributes: valuesOf(point.messages(9)),
            value: Number(point.number(4)),
            bounds: doubles(point.bytes(7)),
          })),
        ];
      }),
    ),
  );
}

function valuesOf(pairs: readonly ProtobufMessage[]): Values {
  return Object.fromEntries(
    pairs.map((pair) => {
      const value = pair.messages(2)[0];
      if (!value) return [pair.text(1), ""];
      if (value.has(2)) return [pair.text(1), value.number(2) === 1n];
      if (value.has(3)) return [pair.text(1), Number(value.number(3))];
      return [pair.text(1), value.has(4) ? value.double(4) : value.text(1)];
    }),
  );
}

function doubles(packed: Uint8Array | undefined): number[] {
  if (!packed) return [];
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  return Array.from({ length: packed.length / 8 }, (_, index) => view.getFloat64(index * 8, true));
}
