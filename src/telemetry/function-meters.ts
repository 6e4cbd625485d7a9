import type { Attributes, Meter } from "@opentelemetry/api";
import type { FunctionMeters, MeteredPlugin } from "./telemetry.ts";

/** Metrics of plugins as functions, by the names of contract/lifecycle 9.3. */
export function createFunctionMeters(meter: Meter): FunctionMeters {
  const count = meter.createHistogram("plugin.serverless.batch.count", {
    unit: "{batch}",
    description: "Requests that a call was split into",
  });
  const payload = meter.createHistogram("plugin.serverless.batch.payload_bytes", {
    unit: "By",
    description: "Size of these requests",
  });
  const oversize = meter.createCounter("plugin.serverless.batch.oversize_items", {
    unit: "{item}",
    description: "Calls with a part that does not fit into a request",
  });
  const mismatches = meter.createCounter("plugin.serverless.batch.result_mismatches", {
    unit: "{mismatch}",
    description: "Split calls whose answers do not fit together",
  });
  const failures = meter.createCounter("plugin.serverless.runtime.failures", {
    unit: "{failure}",
    description: "Attempts that got no good answer",
  });

  return {
    split(of, { action, batches, reason, oversize: isOversize }) {
      const attributes = { ...attributesOf(of), "plugin.action": action };
      if (batches.length > 0) count.record(batches.length, attributes);
      for (const bytes of batches) payload.record(bytes, attributes);
      if (isOversize === true) oversize.add(1, attributes);
      if (reason !== undefined) mismatches.add(1, { ...attributes, "batch.mismatch_reason": reason });
    },
    failed({ action, status, type }) {
      failures.add(1, {
        "plugin.action": action,
        "http.response.status_code": status,
        "failure.type": type,
        "failure.source": "lambda_function_url",
      });
    },
  };
}

function attributesOf({ pluginId, version, accessType }: MeteredPlugin): Attributes {
  return {
    "plugin.id": pluginId,
    "plugin.version": version,
    "plugin.runtime_type": "serverless",
    "plugin.access_type": accessType,
  };
}
