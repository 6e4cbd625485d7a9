import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { settlesWithin } from "../lib/deadline.ts";
import type { Logger } from "../lib/logger.ts";
import { stripUserInfo } from "../lib/redact.ts";
import { createBoundedSpans } from "./bounded-spans.ts";
import { createCallSpans } from "./call-spans.ts";
import { exportFailure } from "./export-failure.ts";
import { createFunctionMeters } from "./function-meters.ts";
import { createPlatformSpans } from "./platform-spans.ts";
import { createRequestSpans } from "./request-spans.ts";
import { createStepSpans } from "./step-spans.ts";
import type { Telemetry, TelemetrySettings } from "./telemetry.ts";

/** What the reference calls itself (contract/lifecycle 9.3); dashboards look for it. */
const RESOURCE = { "service.name": "dify-plugin-daemon", "service.version": "unknown" };
const SCOPE = "plugd";
/** Of one attribute, so that what waits is bounded in bytes, too. */
const MAX_ATTRIBUTE_CHARS = 1024;
/** A collector that does not answer must not hold up the end of the daemon. */
const CLOSE_MS = 5000;

export interface OtlpOptions {
  readonly log: Logger;
  /** Counts spans that will never be sent. */
  readonly onDropped: (count: number) => void;
}

/** Traces and metrics over OTLP/HTTP. Loaded only where they are wanted: the SDK takes its time and memory. */
export function openOtlp(settings: TelemetrySettings, { log, onDropped }: OtlpOptions): Telemetry {
  const resource = resourceFromAttributes(RESOURCE);
  const headers = settings.apiKey === undefined ? {} : { Authorization: `Bearer ${settings.apiKey}` };
  const bounded = createBoundedSpans({
    max: settings.maxQueue,
    onDropped,
    onSent: createFailureNotes("traces", { url: settings.traceUrl, log }),
  });
  const tracers = new TracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.samplingRate) }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_CHARS },
    spanProcessors: [
      bounded.processor(
        new BatchSpanProcessor({
          exporter: bounded.exporter(
            new OTLPTraceExporter({
              url: settings.traceUrl,
              headers,
              timeoutMillis: settings.batchTimeoutMs,
            }),
          ),
          scheduledDelayMillis: settings.batchDelayMs,
          exportTimeoutMillis: settings.batchTimeoutMs,
          maxQueueSize: settings.maxQueue,
          maxExportBatchSize: Math.min(settings.maxBatch, settings.maxQueue),
        }),
      ),
    ],
  });
  const meters = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: notingExporter(
          new OTLPMetricExporter({
            url: settings.metricUrl,
            headers,
            timeoutMillis: settings.metricTimeoutMs,
          }),
          createFailureNotes("metrics", { url: settings.metricUrl, log }),
        ),
        exportIntervalMillis: settings.metricIntervalMs,
        // The SDK throws for a longer one.
        exportTimeoutMillis: Math.min(settings.metricTimeoutMs, settings.metricIntervalMs),
      }),
    ],
  });
  const tracer = tracers.getTracer(SCOPE);
  const meter = meters.getMeter(SCOPE);
  const requests = createRequestSpans(tracer);
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    // What could not be sent was told and counted.
    const sent = Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
    if (!(await settlesWithin(sent, CLOSE_MS)))
      log.warn("Stopped sending traces and metrics: the collector takes too long", { waited_ms: CLOSE_MS });
  }

  return {
    requests,
    calls: createCallSpans({ tracer, meter, servers: requests }),
    functions: createFunctionMeters(meter),
    followPlatformCall: createPlatformSpans(tracer),
    step: createStepSpans(tracer),
    close: () => (closed ??= close()),
  };
}

function notingExporter(
  inner: OTLPMetricExporter,
  note: (error: Error | undefined) => void,
): PushMetricExporter {
  return {
    export(metrics, done) {
      inner.export(metrics, (result) => {
        note(exportFailure(result));
        done(result);
      });
    },
    forceFlush: () => inner.forceFlush(),
    selectAggregation: (type) => inner.selectAggregation(type),
    selectAggregationTemporality: (type) => inner.selectAggregationTemporality(type),
    shutdown: () => inner.shutdown(),
  };
}

/** One line for an outage, and one for its end. */
function createFailureNotes(what: string, { url, log }: { readonly url: string; readonly log: Logger }) {
  let failing = false;
  return (error: Error | undefined): void => {
    // The message only: the error also holds what the collector answered, which may quote the request.
    if (error && !failing) log.warn(`Cannot send ${what}`, { to: stripUserInfo(url), error: error.message });
    if (!error && failing) log.info(`Sends ${what} again`, { to: stripUserInfo(url) });
    failing = error !== undefined;
  };
}
