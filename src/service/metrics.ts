import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { tallyCounter, tallyGauge, tallyHistogram } from "./tallies.ts";

/** Buckets of the reference (contract/lifecycle 9.2), in seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The Prometheus families of contract/http-api 3.1, in a registry of their own: two daemons share nothing. */
export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Gauge({ name, help, labelNames, registers });
  const seconds = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers });

  const invocationLabels = ["plugin_id", "plugin_type", "runtime_type", "operation"] as const;
  return {
    registry,
    httpRequests: tallyCounter({
      name: "plugin_http_requests_total",
      help: "HTTP requests",
      labelNames: ["method", "endpoint", "status"],
      registry,
    }),
    httpSeconds: tallyHistogram({
      name: "plugin_http_request_duration_seconds",
      help: "Time to the end of the answer",
      labelNames: ["method", "endpoint"],
      buckets: SECONDS,
      registry,
    }),
    invocations: tallyCounter({
      name: "plugin_invocations_total",
      help: "Calls of plugins",
      labelNames: [...invocationLabels, "status"],
      registry,
    }),
    invocationSeconds: tallyHistogram({
      name: "plugin_invocation_duration_seconds",
      help: "Time of a call of a plugin",
      labelNames: invocationLabels,
      buckets: SECONDS,
      registry,
    }),
    invocationsActive: tallyGauge({
      name: "plugin_invocations_active",
      help: "Calls that are open",
      labelNames: ["plugin_id", "plugin_type", "runtime_type"],
      registry,
    }),
    installations: counter("plugin_installations_total", "Finished install jobs", ["plugin_id", "status"]),
    installationSeconds: seconds("plugin_installation_duration_seconds", "Time of an install job", [
      "plugin_id",
    ]),
    callsBack: tallyCounter({
      name: "plugin_backwards_calls_total",
      help: "Calls of plugins back to the platform",
      labelNames: ["plugin_id", "type", "outcome"],
      registry,
    }),
    callBackSeconds: tallyHistogram({
      name: "plugin_backwards_call_duration_seconds",
      help: "Time of a call back",
      labelNames: ["type", "outcome"],
      buckets: SECONDS,
      registry,
    }),
    callBackBytes: tallyCounter({
      name: "plugin_backwards_call_bytes_total",
      help: "Size of calls back: what plugins asked, and what they were answered",
      labelNames: ["type", "direction"],
      registry,
    }),
    droppedSpans: counter("plugin_otel_dropped_spans_total", "Spans that no collector took in time", []),
    runtimeStatus: gauge("plugin_runtime_status", "0.5 starting, 1 ready, 0 stopped or failed", [
      "plugin_id",
      "runtime_type",
    ]),
    restarts: counter("plugin_restarts_total", "Restarts of plugin processes", ["plugin_id", "runtime_type"]),
    debugConnections: gauge("plugin_debug_connections", "Open connections of the debug server", []),
    activePlugins: gauge("active_plugins_total", "Plugins that are ready", ["runtime_type"]),
    activeSessions: gauge("active_sessions_total", "Sessions that are open", []),
    storageOperations: counter("storage_operations_total", "Operations on the plugins' storage", [
      "operation",
      "storage_type",
      "status",
    ]),
    storageSeconds: seconds("storage_operation_duration_seconds", "Time of a storage operation", [
      "operation",
      "storage_type",
    ]),
    functionSeconds: seconds(
      "plugin_serverless_execution_seconds",
      "Time of a call as its function told it",
      ["plugin_id"],
    ),
    functionMemory: gauge(
      "plugin_serverless_memory_bytes",
      "Memory of the last call as its function told it",
      ["plugin_id"],
    ),
    serverlessFailures: counter(
      "plugin_serverless_runtime_failures_total",
      "Attempts that got no good answer",
      ["plugin_id", "type", "status"],
    ),
    serverlessBatches: counter("plugin_serverless_batch_count", "Requests that calls were split into", [
      "plugin_id",
      "action",
    ]),
    serverlessBatchBytes: counter("plugin_serverless_batch_payload_bytes", "Bytes of these requests", [
      "plugin_id",
      "action",
    ]),
    serverlessOversize: counter(
      "plugin_serverless_batch_oversize_items_total",
      "Calls with a part that does not fit",
      ["plugin_id", "action"],
    ),
    serverlessMismatches: counter(
      "plugin_serverless_batch_result_mismatches_total",
      "Split calls whose answers do not fit together",
      ["plugin_id", "action", "reason"],
    ),
    processMemory: gauge("process_resident_memory_bytes", "Resident memory of the daemon", []),
    processCpu: gauge("process_cpu_seconds_total", "CPU time of the daemon", []),
    processStart: gauge("process_start_time_seconds", "Start of the daemon, seconds since the epoch", []),
  };
}

/** Prometheus text, with the figures of the process read now. */
export async function exposeMetrics(metrics: Metrics): Promise<string> {
  const { user, system } = process.cpuUsage();
  metrics.processMemory.set(process.memoryUsage.rss());
  metrics.processCpu.set((user + system) / 1e6);
  // The same at every scrape: to whoever collects, another figure is another process.
  metrics.processStart.set(performance.timeOrigin / 1000);
  return metrics.registry.metrics();
}
