import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskBlobStore } from "../../src/blob/disk-blob-store.ts";
import { createInnerApi } from "../../src/dify/inner-api.ts";
import { endpointModules } from "../../src/endpoint-modules.ts";
import { createApp } from "../../src/http/app.ts";
import { createBodyLimit } from "../../src/http/body-limit.ts";
import { allOperations } from "../../src/http/openapi/all-operations.ts";
import type { Operation } from "../../src/http/openapi/operation.ts";
import { assetRoutes } from "../../src/http/routes/assets.ts";
import { debuggingControlRoutes } from "../../src/http/routes/debugging-control.ts";
import { debuggingRoutes } from "../../src/http/routes/debugging.ts";
import { debuggingEventRoutes } from "../../src/http/routes/debugging-events.ts";
import { directInvokeRoutes } from "../../src/http/routes/direct-invoke.ts";
import { managementBundleRoutes } from "../../src/http/routes/management-bundle.ts";
import { managementInstallRoutes } from "../../src/http/routes/management-install.ts";
import { managementListRoutes } from "../../src/http/routes/management-lists.ts";
import { managementPluginRoutes } from "../../src/http/routes/management-plugins.ts";
import { managementRuntimeRoutes } from "../../src/http/routes/management-runtime.ts";
import { managementProviderRoutes } from "../../src/http/routes/management-providers.ts";
import { pprofRoutes } from "../../src/http/routes/pprof.ts";
import { readmeRoutes } from "../../src/http/routes/readme.ts";
import { openUploadSpool } from "../../src/http/upload-spool.ts";
import { rawMember } from "../../src/lib/json-scan.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { createSdkCodec } from "../../src/protocol/sdk/codec.ts";
import type { PluginRuntime } from "../../src/runtime/runtime.ts";
import { createDebugKeys } from "../../src/service/debug-keys.ts";
import { createCallTraces } from "../../src/service/call-trace.ts";
import { createReadAsset } from "../../src/service/assets.ts";
import { createStoredPackages } from "../../src/service/decode-package.ts";
import { createInstalledLists } from "../../src/service/installed-lists.ts";
import { createInvokePlugin } from "../../src/service/invoke-plugin.ts";
import { createDebugControl } from "../../src/service/debug-control.ts";
import { liveDebugEvents } from "../../src/service/live-debug-events.ts";
import { createLiveEvents } from "../../src/service/live-events.ts";
import { createMetrics, exposeMetrics } from "../../src/service/metrics.ts";
import { createListModelBindings } from "../../src/service/model-bindings.ts";
import type { Profiler } from "../../src/service/profiler.ts";
import { createProviders } from "../../src/service/providers.ts";
import { createReadReadme } from "../../src/service/readme.ts";
import { createSessionRecorder } from "../../src/service/session-recorder.ts";
import { createStorePackages } from "../../src/service/store-packages.ts";
import { createUploadBundle } from "../../src/service/upload-bundle.ts";
import { createUploadPackage } from "../../src/service/upload-package.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createMemoryTransport } from "../../src/transport/memory.ts";
import { createServices } from "../unit/service-install/support.ts";
import { testPlatform } from "./fake-platform.ts";
import { TINY, tinyPackage } from "./pack.ts";

export const APP_KEY = "the key of the whole app";
export const APP_TENANT = "t1";
/** Of uploads and of bodies without a file, small enough to be exceeded often. */
export const APP_LIMITS = { packageBytes: 200_000, bundleBytes: 400_000, requestBytes: 1_000_000 };

/** Profiles would take the time that they are asked for, and snapshots that of all tests. */
const QUICK_PROFILER: Profiler = {
  cpu: async () => "{}",
  heap: () => new Blob(["{}"]).stream(),
  counts: () => ({ Promise: 1 }),
  threads: async () => ["main"],
};

/** One route, with what it tells about itself. */
export interface AppRoute {
  readonly method: string;
  /** The template, such as `/plugin/:tenant_id/management/list`. */
  readonly path: string;
  readonly operation: Operation;
}

/** All routes over a real store, real sessions, and a plugin that answers every request with itself. */
export interface WholeApp extends AsyncDisposable {
  fetch(request: Request): Promise<Response>;
  readonly routes: readonly AppRoute[];
  /** Of the plugin that `APP_TENANT` has installed. */
  readonly identifier: string;
  readonly pluginId: string;
  /** An endpoint of that installation, enabled and with a secret. Requests may change or remove it. */
  readonly endpoint: { readonly id: string; readonly hookId: string };
  /** Puts the endpoint back as it was at first. */
  restoreEndpoint(): Promise<void>;
  /** The line that the plugin was last sent; undefined before the first one. */
  readonly lastLine: string | undefined;
  /** Requests that reached the plugin. */
  readonly calls: number;
  /** What was logged as an error since the last time this was asked. */
  takeErrors(): readonly string[];
  /** Calls that have not ended. */
  openCalls(): number;
}

export async function openWholeApp(): Promise<WholeApp> {
  const folder = await mkdtemp(join(tmpdir(), "plugd-app-"));
  const store = openStore({ path: join(folder, "plugd.db"), synchronous: "normal", sessionHistory: 10 });
  const blobs = await createDiskBlobStore({
    root: join(folder, "storage"),
    prefixes: { package: "plugin_packages", asset: "assets" },
  });
  const services = createServices({ store, blobs });
  services.launcher.automatic = true;
  const { log, takeErrors } = createErrorLog();
  const metrics = createMetrics();
  const recorder = createSessionRecorder({
    store: store.sessions,
    touch: (identifiers, at) => store.installations.touch(identifiers, at),
    history: 10,
    intervalMs: 1000,
    log,
  });
  const plugin = createMirror();
  const invoke = createInvokePlugin({
    findInstallation: (tenantId, pluginId) => store.installations.find(tenantId, pluginId),
    runtimeTypeOf: (identifier) => store.installations.runtimeTypeOf(identifier),
    runtimeOf: async (identifier) => plugin.runtimeOf(identifier),
    traces: createCallTraces({ log }),
    backwards: { session: () => ({ answer: async () => undefined }) },
    recorder,
    metrics,
    log,
    timeoutMs: 10_000,
  });
  const platform = testPlatform();
  const endpoints = endpointModules({
    config: { PLUGIN_ENDPOINT_ENABLED: true, PLUGIN_MAX_EXECUTION_TIMEOUT: 10 },
    store,
    innerApi: createInnerApi({
      url: platform.url,
      key: platform.key,
      readTimeoutMs: 10_000,
      maxAnswerBytes: 1_000_000,
    }),
    plugins: invoke,
    background: services.background,
  });
  const packages = createStoredPackages({ blobs, publicKeys: [] });
  const storePackages = createStorePackages({
    declarations: store.declarations,
    blobs,
    guard: services.guard,
  });
  const signatures = { publicKeys: [], forceSignature: false, enforceOfficial: false };
  const spool = await openUploadSpool(join(folder, "uploads"));
  const upload = createUploadPackage({
    store: storePackages,
    maxPackageBytes: APP_LIMITS.packageBytes,
    ...signatures,
  });
  const app = createApp({
    serverKey: APP_KEY,
    openDocs: false,
    log,
    onRoute: () => undefined,
    system: { health: () => ({ status: "ok" }), metrics: () => exposeMetrics(metrics) },
    dispatch: invoke,
    open: endpoints.open,
    guarded: [
      ...endpoints.guarded,
      debuggingRoutes({
        keys: createDebugKeys({ keys: store.debugKeys, now: () => new Date() }),
        port: () => undefined,
      }),
      debuggingControlRoutes({
        control: createDebugControl({
          installations: store.installations,
          runtimeOf: async () => undefined,
          events: liveDebugEvents({ publish: () => undefined }),
          logOf: () => log,
          helpers: () => ({ tell: async () => 1 }),
          release: async () => undefined,
        }),
      }),
      debuggingEventRoutes({
        events: createLiveEvents({ kept: 10, maxBytes: 1_000_000, now: Date.now }),
        // A stream is over as soon as it has begun: these tests wait for the end of every answer.
        leaving: AbortSignal.abort(),
        run: "run",
      }),
      pprofRoutes({ profiler: QUICK_PROFILER, argv: ["plugd", "start"] }),
      managementInstallRoutes({ ...services, upload, spool, maxPackageBytes: APP_LIMITS.packageBytes }),
      managementBundleRoutes({
        uploadBundle: createUploadBundle({
          store: storePackages,
          maxPackageBytes: APP_LIMITS.packageBytes,
          maxBundleBytes: APP_LIMITS.bundleBytes,
          ...signatures,
        }),
        spool,
        maxBundleBytes: APP_LIMITS.bundleBytes,
      }),
      managementRuntimeRoutes({
        switchRuntime: services.switchRuntime,
        listRuntimes: async () => ({ list: [], total: 0 }),
      }),
      managementPluginRoutes({ installed: services.installed, packages }),
      managementListRoutes({ lists: createInstalledLists(store) }),
      managementProviderRoutes({
        providers: createProviders(store),
        bindings: createListModelBindings(store),
      }),
      readmeRoutes({ readReadme: createReadReadme({ readmes: store.readmes, packages }) }),
      assetRoutes({ readAsset: createReadAsset({ blobs }), packages }),
      directInvokeRoutes({ ...invoke, packages }),
    ],
  });
  const { unique_identifier: identifier } = await upload(tinyPackage(WITH_ENDPOINT), {
    verifySignature: false,
  });
  const { row } = await store.installations.add({
    tenantId: APP_TENANT,
    pluginId: "a/n",
    identifier,
    runtimeType: "local",
    source: "package",
    meta: {},
  });
  const limitBody = createBodyLimit({
    maxBytes: APP_LIMITS.requestBytes,
    except: ["/install/upload/package", "/install/upload/bundle"],
  });
  const operations = allOperations({ openDocs: false });
  const fetch = async (request: Request) => app.fetch(limitBody(request));
  await fetch(setUpRequest(identifier));
  const [endpoint] = await store.endpoints.list(APP_TENANT, { limit: 1, offset: 0 });
  if (!endpoint) throw new Error("The endpoint was not set up");
  return {
    fetch,
    routes: app.routes.map(({ method, path }) => {
      const operation = operations[`${method} ${path}`];
      if (!operation) throw new Error(`${method} ${path} tells nothing about itself`);
      return { method, path, operation };
    }),
    identifier,
    pluginId: row.pluginId,
    endpoint,
    async restoreEndpoint() {
      if (!(await store.endpoints.setEnabled(APP_TENANT, endpoint.id, true)))
        await store.endpoints.add(endpoint);
    },
    get lastLine() {
      return plugin.lastLine;
    },
    get calls() {
      return plugin.calls;
    },
    takeErrors,
    openCalls: () => recorder.active,
    async [Symbol.asyncDispose]() {
      await recorder.close();
      await services.background.close();
      await platform.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The smallest package, with an endpoint that has a secret setting. */
const WITH_ENDPOINT = {
  "manifest.yaml": `${TINY["manifest.yaml"]}`
    .replace("tools: [p.yaml]", "tools: [p.yaml]\n  endpoints: [e.yaml]")
    .replace("{memory: 1}", "{memory: 1, permission: {endpoint: {enabled: true}}}"),
  "e.yaml":
    "settings:\n  - {name: key, type: secret-input, required: false, label: {en_US: k}}\nendpoints: [h.yaml]\n",
  "h.yaml": "path: /<path:any>\nmethod: POST\nextra: {python: {source: h.py}}\n",
};

function setUpRequest(identifier: string): Request {
  return new Request(`http://localhost/plugin/${APP_TENANT}/endpoint/setup`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": APP_KEY },
    body: JSON.stringify({
      plugin_unique_identifier: identifier,
      user_id: "u1",
      name: "hook",
      settings: { key: "secret" },
    }),
  });
}

/** A plugin that answers one item, which holds the request in its own digits, and ends. */
function createMirror() {
  const codec = createSdkCodec();
  const mirror = {
    calls: 0,
    lastLine: undefined as string | undefined,
    runtimeOf: (identifier: string): PluginRuntime => ({
      kind: "local",
      identifier,
      permission: undefined,
      status: { state: "ready", restarts: 0, sessions: 0 },
      async invoke(request, signal) {
        const { transport, peer } = createMemoryTransport();
        const sessions = createSessions(transport, {
          label: identifier,
          budgetBytes: 64_000_000,
          stallMs: 1000,
          onHeartbeat: () => undefined,
          onLog: () => undefined,
          onNoise: () => undefined,
          describeEnd: async () => ({ error_type: "ConnectionClosedError", message: "ended", args: {} }),
        });
        const invocation = await sessions.open(request, signal);
        const line = codec.encode(await peer.next()) ?? "";
        mirror.calls++;
        mirror.lastLine = line;
        const data = rawMember(line, ["data"]) ?? "null";
        const item =
          request.data["type"] === "endpoint"
            ? `{"status":200,"headers":{},"result":"${Buffer.from(data).toString("hex")}"}`
            : `{"type":"json","message":{"json_object":${data}},"meta":null}`;
        const head = `{"event":"session","session_id":"${request.sessionId}","data":`;
        await peer.emit(
          ...codec.decode(`${head}{"type":"stream","data":${item}}}\n${head}{"type":"end","data":{}}}\n`),
        );
        peer.hangUp();
        return invocation;
      },
    }),
  };
  return mirror;
}

function createErrorLog(): { readonly log: Logger; takeErrors(): readonly string[] } {
  let errors: string[] = [];
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message, attributes) => void errors.push(`${message} ${Bun.inspect(attributes)}`),
    with: () => log,
  };
  return {
    log,
    takeErrors() {
      const taken = errors;
      errors = [];
      return taken;
    },
  };
}
