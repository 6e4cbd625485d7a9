import { expect, test } from "bun:test";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { createBoundedSpans } from "../../../src/telemetry/bounded-spans.ts";

type Spans = Parameters<SpanExporter["export"]>[0];

/** Three spans fit; what the test sends goes to a collector that answers when the test says so. */
function setUp() {
  const outcomes: (string | undefined)[] = [];
  let dropped = 0;
  const bounded = createBoundedSpans({
    max: 3,
    onDropped: (count) => {
      dropped += count;
    },
    onSent: (error) => outcomes.push(error?.message),
  });
  const queue: Spans = [];
  const waiting: ((result: ExportResult) => void)[] = [];
  const inner: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => void queue.push(span),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const memory = new InMemorySpanExporter();
  const exporter = bounded.exporter({
    export: (_spans, done) => void waiting.push(done),
    shutdown: () => memory.shutdown(),
  });
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [bounded.processor(inner)],
  });
  const tracer = provider.getTracer("test");
  return {
    outcomes,
    dropped: () => dropped,
    queued: () => queue.length,
    end: (count: number) => {
      for (let n = 0; n < count; n++) tracer.startSpan("s").end();
    },
    send: () => exporter.export(queue.splice(0), () => undefined),
    answer: (result: ExportResult) => waiting.shift()?.(result),
  };
}

test("createBoundedSpans() counts a span until its sending is over, and drops what is too much", () => {
  const { end, send, answer, dropped, queued, outcomes } = setUp();
  end(2);
  send();
  end(3);
  expect([queued(), dropped()]).toEqual([1, 2]);
  answer({ code: ExportResultCode.SUCCESS });
  end(3);
  expect([queued(), dropped()]).toEqual([3, 3]);
  expect(outcomes).toEqual([undefined]);
});

test("createBoundedSpans() counts what the collector refused as dropped, and has room again", () => {
  const { end, send, answer, dropped, queued, outcomes } = setUp();
  end(3);
  send();
  answer({ code: ExportResultCode.FAILED, error: new Error("refused") });
  expect([queued(), dropped()]).toEqual([0, 3]);
  end(3);
  expect([queued(), dropped()]).toEqual([3, 3]);
  send();
  answer({ code: ExportResultCode.FAILED });
  expect(outcomes).toEqual(["refused", "The collector gives no reason"]);
});
