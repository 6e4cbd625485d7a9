import type { Config } from "./config/config.ts";
import { createInnerApi, type InnerApi } from "./dify/inner-api.ts";
import { innerApiSettings } from "./inner-api-settings.ts";
import type { Logger } from "./lib/logger.ts";
import { type CallStorage, createBackwardsCalls } from "./service/backwards-calls.ts";
import { type CallTraces, createCallTraces } from "./service/call-trace.ts";
import { createInvokePlugin, type InvokePlugin, type InvokePluginDeps } from "./service/invoke-plugin.ts";
import type { Metrics } from "./service/metrics.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import type { Store } from "./store/store.ts";

export interface CallModulesDeps extends Pick<InvokePluginDeps, "recorder" | "runtimeOf"> {
  readonly telemetry: Pick<Telemetry, "calls"> | undefined;
  readonly config: Config;
  readonly store: Pick<Store, "installations">;
  readonly storage: CallStorage;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Calls of plugins and their calls back to the platform, connected; whoever watches them asks `traces`. */
export function callModules(deps: CallModulesDeps): {
  readonly innerApi: InnerApi;
  readonly traces: CallTraces;
  readonly invoke: InvokePlugin;
} {
  const { config, storage, recorder, telemetry, metrics, log } = deps;
  const { installations } = deps.store;
  const innerApi = createInnerApi(innerApiSettings(config));
  const traces = createCallTraces({ log });
  if (telemetry) traces.observe(telemetry.calls.observe);
  const invoke = createInvokePlugin({
    findInstallation: (tenantId, pluginId) => installations.find(tenantId, pluginId),
    runtimeTypeOf: (identifier) => installations.runtimeTypeOf(identifier),
    runtimeOf: deps.runtimeOf,
    traces,
    traceOf: telemetry && ((call) => telemetry.calls.headersOf(call, undefined)),
    backwards: createBackwardsCalls({
      api: innerApi,
      storage,
      metrics,
      log,
      headersOf: telemetry?.calls.headersOf,
    }),
    recorder,
    metrics,
    log,
    timeoutMs: config.PLUGIN_MAX_EXECUTION_TIMEOUT * 1000,
  });
  return { innerApi, traces, invoke };
}
