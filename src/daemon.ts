import { join, resolve } from "node:path";
import { createDiskBlobStore } from "./blob/disk-blob-store.ts";
import { storageFolders } from "./blob/storage-folders.ts";
import { callModules } from "./call-modules.ts";
import type { RunningDaemon, StartFacts } from "./cli/cli-deps.ts";
import type { ParsedConfig } from "./config/parse-config.ts";
import { closeLastRun } from "./close-last-run.ts";
import { daemonHealth } from "./daemon-health.ts";
import { debugModules } from "./debug-modules.ts";
import { endpointModules } from "./endpoint-modules.ts";
import { createApp } from "./http/app.ts";
import { createBodyLimit } from "./http/body-limit.ts";
import { createRequestTracker } from "./http/request-tracker.ts";
import { assetRoutes } from "./http/routes/assets.ts";
import { directInvokeRoutes } from "./http/routes/direct-invoke.ts";
import { managementBundleRoutes } from "./http/routes/management-bundle.ts";
import { managementInstallRoutes } from "./http/routes/management-install.ts";
import { managementListRoutes } from "./http/routes/management-lists.ts";
import { managementPluginRoutes } from "./http/routes/management-plugins.ts";
import { managementProviderRoutes } from "./http/routes/management-providers.ts";
import { pprofRoutes } from "./http/routes/pprof.ts";
import { readmeRoutes } from "./http/routes/readme.ts";
import { startServer } from "./http/server.ts";
import { openUploadSpool } from "./http/upload-spool.ts";
import type { Logger } from "./lib/logger.ts";
import { urlHost } from "./lib/url-host.ts";
import { VERSION } from "./lib/version.ts";
import { localSettings, readFacts, runtimeSettings } from "./local-settings.ts";
import { createCodecFor } from "./protocol/runner.ts";
import { createMemoryLimiter } from "./runtime/local/memory-limiter.ts";
import { createProvisioner } from "./runtime/local/provisioner.ts";
import { installLauncher } from "./runtime/local/spawn-launcher.ts";
import { createSpawnStarter } from "./runtime/local/spawn.ts";
import { createReadAsset } from "./service/assets.ts";
import { createBackgroundWork } from "./service/background-work.ts";
import { createCollectGarbage } from "./service/collect-garbage.ts";
import { createStoredPackages } from "./service/decode-package.ts";
import { createInstallJobs } from "./service/install-jobs.ts";
import { createInstallLaunches } from "./service/install-launches.ts";
import { createInstallPlugins } from "./service/install-plugins.ts";
import { createInstallTasks } from "./service/install-tasks.ts";
import { createInstalledLists } from "./service/installed-lists.ts";
import { createInstalledPlugins } from "./service/installed-plugins.ts";
import { createLocalPlugins } from "./service/local-plugins.ts";
import { createMetrics, exposeMetrics } from "./service/metrics.ts";
import { openPluginStorage } from "./plugin-storage-modules.ts";
import { createListModelBindings } from "./service/model-bindings.ts";
import { createPackageGuard } from "./service/package-guard.ts";
import { createProfiler } from "./service/profiler.ts";
import { createProviders } from "./service/providers.ts";
import { createReadReadme } from "./service/readme.ts";
import { createRetirePlugin } from "./service/retire-plugin.ts";
import { createSessionRecorder } from "./service/session-recorder.ts";
import { createStorePackages } from "./service/store-packages.ts";
import { createUninstall } from "./service/uninstall-plugin.ts";
import { createUpgradePlugin } from "./service/upgrade-plugin.ts";
import { createUploadBundle } from "./service/upload-bundle.ts";
import { createUploadPackage } from "./service/upload-package.ts";
import { writeDaemonRecord } from "./store/daemon-record.ts";
import { openDataFolder } from "./store/data-folder.ts";
import { openStore } from "./store/open-store.ts";
import { readServerKey } from "./store/server-key.ts";
import { serverlessModules } from "./serverless-modules.ts";
import { telemetryModules } from "./telemetry-modules.ts";
import { trustedKeys } from "./trusted-keys.ts";
import { watchModules } from "./watch-modules.ts";

export interface DaemonOptions {
  readonly settings: ParsedConfig;
  /** The environment of the process: plugins and tools get what an allow-list takes of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This program, which also runs plugins in TypeScript. */
  readonly execPath: string;
  readonly log: Logger;
  /** When the process started, on the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** Room around the file in an upload's form. */
const FORM_BYTES = 1024 * 1024;
const SESSION_WRITE_MS = 1000;
const SWEEP_MS = 60_000;
const MIN_SWEEP_MS = 1000;

/**
 * Builds everything in order and closes it in reverse. When a step fails, what was built is closed before the error
 * leaves; nothing keeps running.
 */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { log } = options;
  const closers: (readonly [string, () => Promise<void>])[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    const began = performance.now();
    log.info("Stopping");
    for (const [what, close] of closers.toReversed()) {
      try {
        await close();
      } catch (cause) {
        log.error(`Cannot close ${what}`, { error: cause });
      }
    }
    log.info("Stopped", { took_ms: Math.round(performance.now() - began) });
  }
  const close = () => (closing ??= closeAll());

  try {
    const built = await build(options, (what, closer) => closers.push([what, closer]));
    return { ...built, logger: log, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

type OnClose = (what: string, close: () => Promise<void>) => void;

async function build(
  options: DaemonOptions,
  onClose: OnClose,
): Promise<Omit<RunningDaemon, "close" | "logger">> {
  const { log } = options;
  const { config } = options.settings;
  const drainMs = config.PLUGD_DRAIN_TIMEOUT * 1000;
  const publicKeys = await trustedKeys(config);

  // State
  const folder = await openDataFolder(resolve(config.PLUGD_DATA_DIR));
  onClose("the data folder", () => folder.close());
  const serverKey =
    config.SERVER_KEY === undefined
      ? await readServerKey(folder.path)
      : { key: config.SERVER_KEY, path: undefined, created: false };
  const store = openStore({
    path: folder.databasePath,
    synchronous: config.PLUGD_SQLITE_SYNCHRONOUS,
    sessionHistory: config.PLUGD_SESSION_HISTORY,
  });
  onClose("the database", () => store.close());
  const storageRoot = resolve(config.PLUGIN_STORAGE_LOCAL_ROOT ?? join(folder.path, "storage"));
  const prefixes = { package: config.PLUGIN_PACKAGE_CACHE_PATH, asset: config.PLUGIN_MEDIA_CACHE_PATH };
  const storageFolder = storageFolders({
    root: storageRoot,
    prefixes: { ...prefixes, value: config.PERSISTENCE_STORAGE_PATH },
  });
  const blobs = await createDiskBlobStore({ root: storageRoot, prefixes });

  // Services that outlive the plugins, whose end is the end of their open calls
  const recorder = createSessionRecorder({
    store: store.sessions,
    touch: (identifiers, at) => store.installations.touch(identifiers, at),
    history: config.PLUGD_SESSION_HISTORY,
    intervalMs: SESSION_WRITE_MS,
    log,
  });
  onClose("the list of sessions", () => recorder.close());

  // Runtimes
  const metrics = createMetrics();
  const telemetry = await telemetryModules({ config, metrics, log });
  const traceOf = telemetry?.requests.headersOf;
  onClose("the telemetry", async () => telemetry?.close());
  const storage = await openPluginStorage({
    config,
    store: store.pluginStorage,
    valueFolder: storageFolder.value,
    dataPath: folder.path,
    metrics,
    log,
  });
  onClose("the plugins' storage", () => storage.close());
  const memory = await createMemoryLimiter({ log });
  onClose("the memory limits", () => memory.close());
  const launcher = await installLauncher({ folders: [join(folder.path, "run")] });
  const local = localSettings(options, { dataPath: folder.path });
  const packages = createStoredPackages({ blobs, publicKeys });
  const watching = watchModules({ config, log });
  const plugins = createLocalPlugins({
    findDeclaration: (identifier) => store.declarations.get(identifier),
    loadPackage: (identifier) => packages.files(identifier),
    provisioner: createProvisioner({ settings: local, log, step: telemetry?.step }),
    starter: createSpawnStarter({ launcher, memory }),
    createCodec: createCodecFor,
    settings: runtimeSettings(config),
    launchConcurrency: config.PLUGIN_LOCAL_LAUNCHING_CONCURRENT,
    metrics,
    log,
    ...watching.local,
  });
  onClose("the plugins", () => plugins.close({ drainMs }));
  let ownUrl = "";
  const common = { config, store, metrics, log, telemetry, watching };
  const serverless = serverlessModules({ ...common, blobs, local: plugins, ownUrl: () => ownUrl });
  const { runtimes, choose } = serverless;
  onClose("the functions", () => serverless.close({ drainMs }));

  // Services
  const background = createBackgroundWork({ logger: log });
  onClose("the background work", () => background.close());
  await serverless.greet(background);
  const guard = createPackageGuard();
  const { declarations, installations, catalogue, tasks } = store;
  const storePackages = createStorePackages({ declarations, blobs, guard });
  const retire = createRetirePlugin({ installations, stopper: runtimes, guard });
  const jobs = createInstallJobs({
    tasks,
    launches: createInstallLaunches({
      starter: runtimes,
      concurrency: config.PLUGIN_LOCAL_LAUNCHING_CONCURRENT,
      timeoutMs: config.PLUGIN_INSTALL_TIMEOUT * 60_000,
      closing: background.closing,
    }),
    background,
    logger: log,
    onOutcome({ identifier, status, seconds }) {
      const plugin_id = identifier.slice(0, identifier.indexOf(":"));
      metrics.installations.inc({ plugin_id, status });
      metrics.installationSeconds.observe({ plugin_id }, seconds);
    },
  });
  const installTasks = createInstallTasks({
    tasks,
    retentionMs: config.PLUGD_TASK_RETENTION * 1000,
    now: Date.now,
  });
  const collect = createCollectGarbage({
    declarations,
    installations,
    blobs,
    folders: plugins,
    guard,
    logger: log,
    graceMs: config.PLUGD_BLOB_GRACE * 1000,
    now: Date.now,
  });
  const installing = { declarations, installations, tasks, jobs, guard, retire };
  const functionRoutes = serverless.routes(installing);
  const debug = await debugModules({
    ...common,
    storePackages,
    guard,
    background,
    watching,
    runtimes,
  });
  onClose("the debug server", () => debug.close());
  const { innerApi, traces, invoke } = callModules({
    ...common,
    runtimeOf: debug.runtimeOf,
    storage,
    recorder,
  });
  watching.follow(traces);
  const endpoints = endpointModules({ config, store, innerApi, plugins: invoke, background, telemetry });
  await closeLastRun({ dataPath: folder.path, installTasks, sessions: store.sessions, log });

  // HTTP
  const spool = await openUploadSpool(join(folder.path, "uploads"));
  const tracker = createRequestTracker({
    metrics,
    log,
    logHealth: config.HEALTH_API_LOG_ENABLED,
    spans: telemetry?.requests,
  });
  const app = createApp({
    serverKey: serverKey.key,
    log,
    onRoute: (request, route) => tracker.route(request, route),
    system: {
      health: () => daemonHealth({ config, recorder, tracker, debug }),
      metrics: config.PROMETHEUS_ENABLED
        ? () => {
            metrics.activeSessions.set(recorder.active);
            return exposeMetrics(metrics);
          }
        : undefined,
    },
    dispatch: { ...invoke, traceOf },
    openDocs: config.PLUGD_OPEN_DOCS,
    open: [...endpoints.open, ...functionRoutes.open],
    guarded: [
      managementInstallRoutes({
        spool,
        upload: createUploadPackage({
          store: storePackages,
          maxPackageBytes: config.MAX_PLUGIN_PACKAGE_SIZE,
          publicKeys,
          forceSignature: config.FORCE_VERIFYING_SIGNATURE,
        }),
        install: createInstallPlugins({ ...installing, choose }),
        upgrade: createUpgradePlugin({ ...installing, background }),
        uninstall: createUninstall({ installations, retire }),
        tasks: installTasks,
        maxPackageBytes: config.MAX_PLUGIN_PACKAGE_SIZE,
      }),
      managementBundleRoutes({
        uploadBundle: createUploadBundle({
          store: storePackages,
          maxPackageBytes: config.MAX_PLUGIN_PACKAGE_SIZE,
          maxBundleBytes: config.MAX_BUNDLE_PACKAGE_SIZE,
          publicKeys,
          forceSignature: config.FORCE_VERIFYING_SIGNATURE,
          enforceOfficial: config.ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES,
        }),
        spool,
        maxBundleBytes: config.MAX_BUNDLE_PACKAGE_SIZE,
      }),
      managementPluginRoutes({
        installed: createInstalledPlugins({ declarations, installations }),
        packages,
      }),
      managementListRoutes({ lists: createInstalledLists({ installations, catalogue }) }),
      managementProviderRoutes({
        providers: createProviders({ catalogue }),
        bindings: createListModelBindings({ catalogue }),
      }),
      readmeRoutes({ readReadme: createReadReadme({ readmes: store.readmes, packages }) }),
      assetRoutes({ readAsset: createReadAsset({ blobs }), packages }),
      directInvokeRoutes({ ...invoke, packages, traceOf }),
      ...endpoints.guarded,
      ...functionRoutes.guarded,
      ...debug.routes,
      ...watching.guarded,
      ...(config.PPROF_ENABLED ? [pprofRoutes({ profiler: createProfiler(), argv: process.argv })] : []),
    ],
  });
  const server = startServer({
    hostname: config.SERVER_HOST,
    port: config.SERVER_PORT,
    // Above it Bun answers 413 without a word; our own limits come first, with words.
    maxBodyBytes: Math.max(
      2 * config.PLUGD_MAX_REQUEST_BYTES,
      4 * (config.MAX_PLUGIN_PACKAGE_SIZE + FORM_BYTES),
      2 * (config.MAX_BUNDLE_PACKAGE_SIZE + FORM_BYTES),
    ),
    limitBody: createBodyLimit({
      maxBytes: config.PLUGD_MAX_REQUEST_BYTES,
      except: ["/install/upload/package", "/install/upload/bundle"],
    }),
    fetch: (request) => app.fetch(request),
    tracker,
    log,
  });
  onClose("the listener", () => server.close({ drainMs }));
  onClose("the streams of watchers", async () => watching.leave());
  const url = `http://${urlHost(server.hostname)}:${server.port}`;
  ownUrl = url;
  const removeRecord = await writeDaemonRecord(folder.path, {
    url,
    pid: process.pid,
    version: VERSION,
    started_at: new Date().toISOString(),
  });
  onClose("the record of this daemon", removeRecord);
  const readyMs = Math.round(performance.now() - options.startedAt);

  // What goes on in the background from here
  background.repeat("remove old tasks", SWEEP_MS, () => installTasks.sweep());
  const collectMs = Math.min(SWEEP_MS, Math.max(MIN_SWEEP_MS, config.PLUGD_BLOB_GRACE * 1000));
  background.repeat("collect what nobody uses", collectMs, () => collect().then(() => undefined));
  background.start("start plugins that were used lately", async () => {
    const lately = await installations.identifiers("local");
    const used = lately.filter(({ lastUsedAt }) => lastUsedAt !== null).map(({ identifier }) => identifier);
    if (used.length > 0) log.info("Starting plugins that were used lately", { plugins: used.length });
    await plugins.warmUp(used);
  });

  return {
    url,
    routes: app.routes.map(({ method, path }) => ({ method, path })),
    async facts(): Promise<StartFacts> {
      return {
        version: VERSION,
        url,
        debugAddress: debug.address,
        dataDir: folder.path,
        key:
          serverKey.path === undefined
            ? { kind: "setting" }
            : { kind: "file", path: serverKey.path, created: serverKey.created },
        ...(await readFacts(local, AbortSignal.any([background.closing, AbortSignal.timeout(15_000)]))),
        memoryLimit: config.PLUGIN_MEMORY_FLOOR === 0 ? "off (PLUGIN_MEMORY_FLOOR is 0)" : memory.detail,
        ignoredSettings: options.settings.ignored,
        warnings: [
          ...options.settings.warnings,
          ...debug.warnings,
          ...(launcher.kind === "none" ? [launcher.detail] : []),
        ],
        readyMs,
      };
    },
  };
}
