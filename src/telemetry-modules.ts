import type { Config } from "./config/config.ts";
import type { Logger } from "./lib/logger.ts";
import type { Metrics } from "./service/metrics.ts";
import type { Telemetry, TelemetrySettings } from "./telemetry/telemetry.ts";

export interface TelemetryModulesDeps {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** OpenTelemetry, where it is switched on; nothing of it is loaded else. */
export async function telemetryModules(deps: TelemetryModulesDeps): Promise<Telemetry | undefined> {
  const { config, metrics, log } = deps;
  if (!config.ENABLE_OTEL) return undefined;
  const { openOtlp } = await import("./telemetry/otlp.ts");
  return openOtlp(telemetrySettings(config), {
    log,
    onDropped: (count) => metrics.droppedSpans.inc({}, count),
  });
}

function telemetrySettings(config: Config): TelemetrySettings {
  const base = config.OTLP_BASE_ENDPOINT.replace(/\/+$/, "");
  return {
    traceUrl: config.OTLP_TRACE_ENDPOINT ?? `${base}/v1/traces`,
    metricUrl: config.OTLP_METRIC_ENDPOINT ?? `${base}/v1/metrics`,
    apiKey: config.OTEL_API_KEY,
    samplingRate: config.OTEL_SAMPLING_RATE,
    batchDelayMs: config.OTEL_BATCH_EXPORT_SCHEDULE_DELAY,
    batchTimeoutMs: config.OTEL_BATCH_EXPORT_TIMEOUT,
    maxQueue: config.OTEL_MAX_QUEUE_SIZE,
    maxBatch: config.OTEL_MAX_EXPORT_BATCH_SIZE,
    metricIntervalMs: config.OTEL_METRIC_EXPORT_INTERVAL,
    metricTimeoutMs: config.OTEL_METRIC_EXPORT_TIMEOUT,
  };
}
