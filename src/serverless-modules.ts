import type { AnyElysia } from "elysia";
import type { BlobStore } from "./blob/blob-store.ts";
import type { Config } from "./config/config.ts";
import { connectorOf } from "./config/cross-checks.ts";
import { createHookBodies } from "./http/hook-bodies.ts";
import { adminRoutes } from "./http/routes/admin.ts";
import { managementRuntimeRoutes } from "./http/routes/management-runtime.ts";
import { transactionRoutes } from "./http/routes/transactions.ts";
import { describeError } from "./lib/describe-error.ts";
import type { Logger } from "./lib/logger.ts";
import { DaemonError } from "./protocol/daemon-error.ts";
import { createPlainCodec } from "./protocol/plain/codec.ts";
import { createSdkCodec } from "./protocol/sdk/codec.ts";
import { MAX_TRANSACTION_BYTES } from "./protocol/serverless/transaction.ts";
import { createConnectionLimits } from "./runtime/serverless/connections.ts";
import { type Connector, createConnector } from "./runtime/serverless/connector.ts";
import { type AttemptFailure, createFunctionClient } from "./runtime/serverless/exchange.ts";
import type { BatchFacts } from "./runtime/serverless/sdk-call.ts";
import { type ChooseRuntime, createChooseRuntime } from "./service/choose-runtime.ts";
import type { BackgroundWork } from "./service/background-work.ts";
import type { LocalPlugins } from "./service/local-plugins.ts";
import type { Metrics } from "./service/metrics.ts";
import { createPluginRuntimes, type PluginRuntimes } from "./service/plugin-runtimes.ts";
import { createRelaunchFunction } from "./service/relaunch-function.ts";
import { createFunctionLogs } from "./service/function-logs.ts";
import { createListRuntimes } from "./service/runtime-list.ts";
import { createServerlessPlugins, type ServerlessPlugins } from "./service/serverless-plugins.ts";
import { createSwitchRuntime, type SwitchRuntimeDeps } from "./service/switch-runtime.ts";
import { createTransactions } from "./service/transactions.ts";
import type { Store } from "./store/store.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import type { WatchModules } from "./watch-modules.ts";

/** Bodies of calls back of the largest size that are held at once. */
const HELD_BODIES = 16;
/** Of a reinstallation that somebody watches (contract/lifecycle 3.10). */
const RELAUNCH_MS = 1800 * 1000;

export interface ServerlessModulesDeps {
  readonly config: Config;
  readonly store: Pick<Store, "serverless" | "declarations" | "installations">;
  readonly blobs: Pick<BlobStore, "get">;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly watching: Pick<WatchModules, "events" | "logOf">;
  readonly telemetry: Telemetry | undefined;
  readonly local: LocalPlugins;
  /** Where functions call back, unless a setting says so. */
  readonly ownUrl: () => string;
}

export interface ServerlessModules {
  readonly plugins: ServerlessPlugins;
  /** Ends open calls, as `ServerlessPlugins` says, and what follows logs. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
  /** Asks the connector whether it is there, if there is one. Throws `startup` where nothing can be done without it. */
  greet(background: BackgroundWork): Promise<void>;
  readonly choose: ChooseRuntime;
  /** What runs plugins here and there, chosen by what an installation says. */
  readonly runtimes: PluginRuntimes;
  /** The routes: of calls back and of administration, which have secrets of their own, and those behind the key. */
  routes(installing: Omit<SwitchRuntimeDeps, "choose">): {
    readonly open: readonly AnyElysia[];
    readonly guarded: readonly AnyElysia[];
  };
}

/** Plugins as functions, connected. */
export function serverlessModules(deps: ServerlessModulesDeps): ServerlessModules {
  const { config, store, log, watching } = deps;
  const at = connectorOf(config);
  const connector =
    at &&
    createConnector({
      ...at,
      launchTimeoutMs: config.DIFY_PLUGIN_SERVERLESS_CONNECTOR_LAUNCH_TIMEOUT * 1000,
      log,
    });
  const urls = { allowPrivate: config.PLUGD_SERVERLESS_PRIVATE_URLS };
  const plugins = createServerlessPlugins({
    records: store.serverless,
    findDeclaration: (identifier) => store.declarations.get(identifier),
    blobs: deps.blobs,
    connector,
    callbackBase: () => config.PLUGD_SERVERLESS_CALLBACK_URL ?? deps.ownUrl(),
    // Without one nobody was ever told a path with a secret made from it.
    secretsKey: at?.key ?? crypto.randomUUID(),
    signatureSecret: config.PLUGD_SERVERLESS_SIGNATURE_SECRET,
    urls,
    calling: callingOf(deps),
    drainMs: config.PLUGIN_MAX_EXECUTION_TIMEOUT * 1000,
    log,
    logOf: watching.logOf,
  });
  const choose = createChooseRuntime({
    defaultWish: config.PLUGD_RUNTIME,
    hasConnector: connector !== undefined,
    autoMemoryBytes: config.PLUGD_AUTO_MEMORY,
  });
  const { logOf } = watching;
  const logs = connector && createFunctionLogs({ installations: store.installations, connector, logOf });
  if (logs) watching.events.addSource(logs.source);
  return {
    plugins,
    async close(options) {
      await Promise.all([logs?.close(), plugins.close(options)]);
    },
    async greet(background) {
      const required = config.PLATFORM === "serverless";
      if (!connector) return;
      if (required) await greet(connector, { required, log, signal: background.closing });
      else background.start("greet the connector", (signal) => greet(connector, { required, log, signal }));
    },
    choose,
    runtimes: createPluginRuntimes({ local: deps.local, serverless: plugins }),
    routes: (installing) => ({
      open: [
        transactionRoutes({
          transactions: createTransactions({ ...plugins, codec: createSdkCodec() }),
          bodies: createHookBodies({
            maxBytes: MAX_TRANSACTION_BYTES,
            maxHeldBytes: HELD_BODIES * MAX_TRANSACTION_BYTES,
            timeoutMs: config.MAX_SERVERLESS_TRANSACTION_TIMEOUT * 1000,
          }),
          timeoutMs: config.MAX_SERVERLESS_TRANSACTION_TIMEOUT * 1000,
          open: config.PLUGD_OPEN_TRANSACTIONS,
        }),
        ...(config.ADMIN_API_ENABLED && config.ADMIN_API_KEY !== undefined
          ? [
              adminRoutes({
                adminKey: config.ADMIN_API_KEY,
                relaunch: createRelaunchFunction({
                  ...plugins,
                  isPossible: connector !== undefined,
                  timeoutMs: RELAUNCH_MS,
                }),
                switchEndpoint: plugins.switchEndpoint,
              }),
            ]
          : []),
      ],
      guarded: [
        managementRuntimeRoutes({
          listRuntimes: createListRuntimes({
            installations: store.installations,
            local: deps.local,
            serverless: plugins,
          }),
          switchRuntime: createSwitchRuntime({ ...installing, choose }),
        }),
      ],
    }),
  };
}

/** How the functions of each plugin are called; the connections are shared. */
function callingOf({ config, metrics, telemetry }: ServerlessModulesDeps) {
  const connections = createConnectionLimits(
    {
      maxPerHost: config.PLUGD_SERVERLESS_MAX_PER_HOST,
      maxIdle: config.PLUGD_SERVERLESS_IDLE,
      maxIdlePerHost: config.PLUGD_SERVERLESS_IDLE_PER_HOST,
      idleMs: config.PLUGD_SERVERLESS_IDLE_TIMEOUT * 1000,
    },
    { now: () => performance.now() },
  );
  const limits = {
    attempts: config.MAX_SERVERLESS_RETRY_TIMES,
    maxRequestBytes: config.MAX_SERVERLESS_REQUEST_BYTES,
    maxLineBytes: config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE,
  };
  return ({ pluginId: plugin_id, version }: { readonly pluginId: string; readonly version: string }) => {
    const client = createFunctionClient({
      connections,
      urls: { allowPrivate: config.PLUGD_SERVERLESS_PRIVATE_URLS },
      onFailure(failure: AttemptFailure) {
        const { type, status } = failure;
        metrics.serverlessFailures.inc({ plugin_id, type, status });
        telemetry?.functions.failed(failure);
      },
    });
    const onBatches = (facts: BatchFacts) => {
      const { action, accessType, batches, reason, oversize } = facts;
      telemetry?.functions.split({ pluginId: plugin_id, version, accessType }, facts);
      for (const bytes of batches) {
        metrics.serverlessBatches.inc({ plugin_id, action });
        metrics.serverlessBatchBytes.inc({ plugin_id, action }, bytes);
      }
      if (oversize === true) metrics.serverlessOversize.inc({ plugin_id, action });
      if (reason !== undefined) metrics.serverlessMismatches.inc({ plugin_id, action, reason });
    };
    return {
      sdk: { client, limits, onBatches, createCodec: createSdkCodec },
      plain: {
        client,
        limits,
        // A function has no heartbeats: whether it lives shows in its answers.
        createCodec: () => createPlainCodec({ heartbeat: false }),
        silenceMs: config.PLUGD_SERVERLESS_TIMEOUT * 1000,
        now: () => Date.now(),
      },
      stallMs: config.PLUGD_STALL_TIMEOUT * 1000,
      onUsage: ({
        executionMs,
        memoryMb,
      }: {
        readonly executionMs: number | undefined;
        readonly memoryMb: number | undefined;
      }) => {
        if (executionMs !== undefined) metrics.functionSeconds.observe({ plugin_id }, executionMs / 1000);
        if (memoryMb !== undefined) metrics.functionMemory.set({ plugin_id }, memoryMb * 1024 * 1024);
      },
    };
  };
}

/**
 * Asks the connector whether it is there. On the platform `serverless` a daemon without one is of no use, so that it does
 * not start; elsewhere it serves what runs here meanwhile.
 */
async function greet(
  connector: Connector,
  {
    required,
    log,
    signal,
  }: { readonly required: boolean; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await connector.ping(signal);
    log.info("The connector answers", { url: connector.url });
  } catch (cause) {
    if (required)
      throw new DaemonError(
        "startup",
        `Cannot start with PLATFORM "serverless": the connector does not answer (${describeError(cause)})`,
        {
          cause,
          hint: "Check DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY, or set PLATFORM to local",
        },
      );
    log.warn("The connector does not answer; functions can be called, and none can be launched", {
      error: cause,
    });
  }
}
