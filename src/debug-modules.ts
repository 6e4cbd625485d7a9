import { readFile } from "node:fs/promises";
import type { AnyElysia } from "elysia";
import type { Config } from "./config/config.ts";
import { debuggingControlRoutes } from "./http/routes/debugging-control.ts";
import { debuggingRoutes } from "./http/routes/debugging.ts";
import { describeError } from "./lib/describe-error.ts";
import type { Logger } from "./lib/logger.ts";
import { DaemonError } from "./protocol/daemon-error.ts";
import { createCounted } from "./runtime/debug/counted.ts";
import type { DebugConnectionSettings } from "./runtime/debug/debug-connection.ts";
import type { DebuggedPlugin } from "./runtime/debug/debugged-plugin.ts";
import type { DebugRuntimes } from "./runtime/debug/debug-runtimes.ts";
import { type DebugServer, startDebugServer } from "./runtime/debug/debug-server.ts";
import { createFailedKeys } from "./runtime/debug/failed-keys.ts";
import { createDebugHelpers } from "./runtime/debug/debug-helpers.ts";
import { createServeConnection } from "./runtime/debug/serve-connection.ts";
import type { PluginRuntime } from "./runtime/runtime.ts";
import type { BackgroundWork } from "./service/background-work.ts";
import { createDebugControl } from "./service/debug-control.ts";
import { createDebugKeys } from "./service/debug-keys.ts";
import { createDebugPlugins } from "./service/debug-plugins.ts";
import type { Metrics } from "./service/metrics.ts";
import type { PackageGuard } from "./service/package-guard.ts";
import type { StorePackages } from "./service/store-packages.ts";
import type { RuntimeType, Store } from "./store/store.ts";
import type { WatchModules } from "./watch-modules.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 5003;
/** A peer that takes nothing for so long is given up. */
const WRITE_STALL_MS = 60_000;
const RENEW_KEYS_MS = 10 * 60_000;

export interface DebugModulesDeps {
  readonly config: Config;
  readonly store: Pick<Store, "declarations" | "installations" | "debugKeys">;
  readonly storePackages: StorePackages;
  readonly guard: PackageGuard;
  readonly background: BackgroundWork;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly watching: Pick<WatchModules, "logOf" | "debugging">;
  /** What serves plugins that no developer's connection does. */
  readonly runtimes: {
    runtimeOf(identifier: string, runtimeType: RuntimeType): Promise<PluginRuntime | undefined>;
  };
}

/** Debugging, connected: what developers' connections serve, their keys and their port. */
export interface DebugModules {
  /** What serves an identifier: over a connection where the row says "remote". */
  runtimeOf(identifier: string, runtimeType: RuntimeType): Promise<PluginRuntime | undefined>;
  readonly routes: readonly AnyElysia[];
  /** `host:port`; null where nothing listens. */
  readonly address: string | null;
  readonly warnings: readonly string[];
  /** Registered ones. */
  readonly connections: number;
  /** Connections are ended, and what they shadowed is given back. Idempotent. */
  close(): Promise<void>;
}

/** Listens from now on. Throws `startup` where the address that the settings name cannot be had. */
export async function debugModules(deps: DebugModulesDeps): Promise<DebugModules> {
  const { config, store, background, metrics, log } = deps;
  const { logOf: watchedLogOf, debugging } = deps.watching;
  const logOf = ({ identifier, tenantId }: DebuggedPlugin) => watchedLogOf(identifier.pluginId, tenantId);
  const runtimeOf = async (identifier: string, runtimeType: RuntimeType) =>
    runtimeType === "remote" ? runtimes?.find(identifier) : deps.runtimes.runtimeOf(identifier, runtimeType);
  const control = createDebugControl({
    installations: store.installations,
    runtimeOf,
    events: debugging,
    logOf: ({ pluginId, tenantId }) => watchedLogOf(pluginId, tenantId),
    helpers: () => helpers,
    release: async ({ tenantId, pluginId }) => runtimes?.release(tenantId, pluginId),
  });
  const helpers = createDebugHelpers({
    observer: control.observer,
    silenceMs: config.PLUGD_DEBUG_SILENCE_TIMEOUT * 1000,
    log,
  });
  const controlRoutes = debuggingControlRoutes({ control });
  let runtimes: DebugRuntimes | undefined;
  // Connections of a daemon that could not end them itself are gone.
  await store.installations.unshadowAll();
  if (!config.PLUGIN_REMOTE_INSTALLING_ENABLED)
    return {
      runtimeOf,
      routes: [controlRoutes],
      address: null,
      warnings: [],
      connections: 0,
      close: async () => undefined,
    };
  const keys = createDebugKeys({ keys: store.debugKeys, now: () => new Date() });
  const plugins = createDebugPlugins({
    declarations: store.declarations,
    installations: store.installations,
    store: deps.storePackages,
    guard: deps.guard,
    metrics,
    graceMs: config.PLUGD_DEBUG_GRACE * 1000,
    log,
    logOf: logOf,
  });
  const { runtimes: served } = plugins;
  runtimes = served;
  background.repeat("keep debugging keys that are in use", RENEW_KEYS_MS, () =>
    keys.renew([...new Set([...served.tenants(), ...helpers.tenants()])]),
  );
  const tls = await readTls(config);
  const { server, warnings } = listen(config, {
    tls,
    maxConnections: config.PLUGIN_REMOTE_INSTALLING_MAX_CONN,
    maxConnectionsPerAddress: config.PLUGD_DEBUG_MAX_CONN_PER_ADDRESS,
    writeStallMs: WRITE_STALL_MS,
    onCount: (count) => metrics.debugConnections.set(count),
    log,
    serve: createServeConnection({
      tenantOf: (key) => keys.tenantOf(key),
      installed: (tenantId, pluginId) => plugins.installed(tenantId, pluginId),
      runtimes: served,
      settings: connectionSettings(config),
      failedKeys: createFailedKeys({
        maxPerMinute: config.PLUGD_DEBUG_MAX_FAILED_KEYS,
        now: () => performance.now(),
      }),
      helpers,
      observer: control.observer,
      tenants: {
        plugins: createCounted(config.PLUGIN_REMOTE_INSTALLING_MAX_SINGLE_TENANT_CONN),
        helpers: createCounted(config.PLUGIN_REMOTE_INSTALLING_MAX_SINGLE_TENANT_CONN),
      },
      handshakeMs: config.PLUGD_DEBUG_HANDSHAKE_TIMEOUT * 1000,
      registrationMs: config.PLUGD_DEBUG_REGISTRATION_TIMEOUT * 1000,
      log,
      logOf: logOf,
    }),
  });
  return {
    runtimeOf,
    routes: [debuggingRoutes({ keys, port: () => server?.port }), controlRoutes],
    address: server ? addressOf(server) : null,
    warnings,
    get connections() {
      return served.connections;
    },
    async close() {
      // First the way in: what is on it may still become a connection, which then ends with the others.
      await server?.close();
      await served.close();
    },
  };
}

function addressOf({ hostname, port }: DebugServer): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function connectionSettings(config: Config): DebugConnectionSettings {
  return {
    maxLineBytes: config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE,
    budgetBytes: config.PLUGD_PLUGIN_BUFFER_BYTES,
    stallMs: config.PLUGD_STALL_TIMEOUT * 1000,
    silenceMs: config.PLUGD_DEBUG_SILENCE_TIMEOUT * 1000,
  };
}

/** The usual port may be another daemon's, and debugging is not what everybody runs this for; a port that was named has to be free. */
function listen(
  config: Config,
  options: Omit<Parameters<typeof startDebugServer>[0], "hostname" | "port">,
): { readonly server: DebugServer | undefined; readonly warnings: readonly string[] } {
  const { PLUGIN_REMOTE_INSTALLING_HOST: hostname, PLUGIN_REMOTE_INSTALLING_PORT: port } = config;
  const at = { hostname: hostname ?? DEFAULT_HOST, port: port ?? DEFAULT_PORT };
  try {
    return { server: startDebugServer({ ...options, ...at }), warnings: [] };
  } catch (cause) {
    if (hostname !== undefined || port !== undefined) throw cause;
    return { server: undefined, warnings: [`Debugging is off: ${describeError(cause)}`] };
  }
}

async function readTls(config: Config): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  const { PLUGD_DEBUG_TLS_CERT_FILE: cert, PLUGD_DEBUG_TLS_KEY_FILE: key } = config;
  if (cert === undefined || key === undefined) return undefined;
  return {
    cert: await readPem("PLUGD_DEBUG_TLS_CERT_FILE", cert),
    key: await readPem("PLUGD_DEBUG_TLS_KEY_FILE", key),
  };
}

async function readPem(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new DaemonError("startup", `Cannot read "${path}": ${String(cause)}`, {
      cause,
      hint: `Correct ${variable}`,
    });
  }
}
