import type { ExportResult } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import { exportFailure } from "./export-failure.ts";

export interface BoundedSpansOptions {
  /** Spans that wait or are being sent. */
  readonly max: number;
  /** Called with spans that will never be sent. */
  readonly onDropped: (count: number) => void;
  /** The outcome of each sending. */
  readonly onSent: (error: Error | undefined) => void;
}

/**
 * Keeps what a slow collector holds of us exact: a span counts from its end until its sending is over, and what is too
 * much is dropped at once and counted. The SDK's own queue forgets those that are on their way, and drops silently.
 */
export function createBoundedSpans(options: BoundedSpansOptions) {
  let held = 0;

  function isOver(spans: readonly ReadableSpan[], result: ExportResult): void {
    held -= spans.length;
    const failure = exportFailure(result);
    if (failure) options.onDropped(spans.length);
    options.onSent(failure);
  }

  return {
    /** To be given to the processor below. */
    exporter: (inner: SpanExporter): SpanExporter => ({
      export(spans, done) {
        inner.export(spans, (result) => {
          isOver(spans, result);
          done(result);
        });
      },
      shutdown: () => inner.shutdown(),
      forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
    }),
    processor: (inner: SpanProcessor): SpanProcessor => ({
      onStart: (span, parent) => inner.onStart(span, parent),
      onEnd(span) {
        if (held >= options.max) return options.onDropped(1);
        held++;
        return inner.onEnd(span);
      },
      forceFlush: () => inner.forceFlush(),
      shutdown: () => inner.shutdown(),
    }),
  };
}
