import {
  choice,
  flag,
  formatted,
  fraction,
  ignored,
  integer,
  optionalFormatted,
  optionalText,
} from "../setting.ts";

const URL_ALLOWED = "a URL that starts with http:// or https://";

/** lifecycle.md 10.12. */
export const observabilitySettings = {
  LOG_LEVEL: choice({
    meaning: "Least severe level that is logged",
    default: "INFO",
    anyCase: true,
    // Dify hands its own LOG_LEVEL to the daemon, and that one is a Python name.
    spellings: {
      DEBUG: "DEBUG",
      NOTSET: "DEBUG",
      INFO: "INFO",
      WARN: "WARN",
      WARNING: "WARN",
      ERROR: "ERROR",
      CRITICAL: "ERROR",
      FATAL: "ERROR",
    },
    allowed: "DEBUG, INFO, WARN or ERROR",
  }),
  LOG_OUTPUT_FORMAT: choice({
    meaning: "json for one object per line, or text",
    default: "text",
    anyCase: true,
    spellings: { TEXT: "text", JSON: "json" },
    otherwise: "text",
    allowed: "json or text",
  }),
  LOG_FILE: optionalText({ meaning: "File that the log is appended to, besides standard output" }),
  HEALTH_API_LOG_ENABLED: flag({ meaning: "Log requests of /health/check", default: true }),
  PROMETHEUS_ENABLED: flag({ meaning: "Serve /metrics/", default: true }),
  DISPLAY_CLUSTER_LOG: ignored("Cluster"),
  PPROF_ENABLED: flag({
    meaning: "Serve profiles and heap snapshots of the daemon at /debug/pprof/, behind the key",
    default: false,
  }),
  ENABLE_OTEL: flag({ meaning: "Send traces and metrics by OpenTelemetry (OTLP over HTTP)", default: false }),
  OTLP_BASE_ENDPOINT: formatted({
    meaning: "Collector; /v1/traces and /v1/metrics are appended",
    default: "http://localhost:4318",
    read: readUrl,
    allowed: URL_ALLOWED,
  }),
  OTLP_TRACE_ENDPOINT: optionalFormatted({
    meaning: "Whole URL for traces",
    shownDefault: "below OTLP_BASE_ENDPOINT",
    read: readUrl,
    allowed: URL_ALLOWED,
  }),
  OTLP_METRIC_ENDPOINT: optionalFormatted({
    meaning: "Whole URL for metrics",
    shownDefault: "below OTLP_BASE_ENDPOINT",
    read: readUrl,
    allowed: URL_ALLOWED,
  }),
  OTEL_API_KEY: optionalText({ meaning: "Sent to the collector as a bearer token", secret: true }),
  OTEL_EXPORTER_OTLP_PROTOCOL: ignored("Without effect in the reference, too"),
  OTEL_EXPORTER_TYPE: ignored("Without effect in the reference, too"),
  OTEL_SAMPLING_RATE: fraction({
    meaning: "Part of the traces that is sent, of those that begin here; others follow their parent",
    default: 1,
  }),
  OTEL_BATCH_EXPORT_SCHEDULE_DELAY: milliseconds("Time between two batches of spans", 5000),
  OTEL_BATCH_EXPORT_TIMEOUT: milliseconds("Time that sending a batch of spans may take", 10_000),
  OTEL_MAX_QUEUE_SIZE: entries("Spans that wait or are being sent; more are dropped", 2048),
  OTEL_MAX_EXPORT_BATCH_SIZE: entries("Spans of one batch", 512),
  OTEL_METRIC_EXPORT_INTERVAL: milliseconds("Time between two sendings of metrics", 60_000),
  OTEL_METRIC_EXPORT_TIMEOUT: milliseconds("Time that sending metrics may take", 30_000),
  SENTRY_ENABLED: ignored("Sentry"),
  SENTRY_DSN: ignored("Sentry", { secret: true }),
  SENTRY_ATTACH_STACKTRACE: ignored("Sentry"),
  SENTRY_TRACING_ENABLED: ignored("Sentry"),
  SENTRY_TRACES_SAMPLE_RATE: ignored("Sentry"),
  SENTRY_SAMPLE_RATE: ignored("Sentry"),
  LIFETIME_COLLECTION_HEARTBEAT_INTERVAL: ignored("Without effect in the reference, too"),
  LIFETIME_COLLECTION_GC_INTERVAL: ignored("Without effect in the reference, too"),
  LIFETIME_STATE_GC_INTERVAL: ignored("Without effect in the reference, too"),
  PLUGIN_WEBHOOK_ENABLED: ignored("Without effect in the reference, too"),
};

function readUrl(text: string): string | undefined {
  return /^https?:\/\/./i.test(text) && URL.canParse(text) ? text : undefined;
}

function milliseconds(meaning: string, preset: number) {
  return integer({ meaning, unit: "milliseconds", default: preset, min: 1, zeroIsDefault: true });
}

function entries(meaning: string, preset: number) {
  return integer({ meaning, unit: "entries", default: preset, min: 1, zeroIsDefault: true });
}
