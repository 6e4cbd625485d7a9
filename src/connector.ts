import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createDiskBlobStore } from "./blob/disk-blob-store.ts";
import type { RunningConnector } from "./cli/cli-deps.ts";
import { freePort } from "./cli/free-port.ts";
import type { ParsedConfig } from "./config/parse-config.ts";
import { createBodyLimit } from "./http/body-limit.ts";
import { createConnectorApp } from "./http/connector/connector-app.ts";
import { createConnectorTracker } from "./http/connector/connector-tracker.ts";
import { startServer } from "./http/server.ts";
import type { Logger } from "./lib/logger.ts";
import { readPageSize, readProcesses, treeOf } from "./lib/proc-tree.ts";
import { createSlots } from "./lib/slots.ts";
import { localSettings, runtimeSettings } from "./local-settings.ts";
import { requireIdentifier } from "./protocol/identifier.ts";
import { readRunner } from "./protocol/runner.ts";
import { createMemoryLimiter } from "./runtime/local/memory-limiter.ts";
import { createProvisioner } from "./runtime/local/provisioner.ts";
import { installLauncher } from "./runtime/local/spawn-launcher.ts";
import { createSpawnStarter } from "./runtime/local/spawn.ts";
import { createWorkingFolders } from "./runtime/local/working-folder.ts";
import { createCallSignatures } from "./service/connector/call-signature.ts";
import { type FunctionRegistry, openFunctionRegistry } from "./service/connector/function-registry.ts";
import { createFunctions, type StartInstance } from "./service/connector/functions.ts";
import { createInvokeFunction } from "./service/connector/invoke-function.ts";
import { createLaunchFunctions } from "./service/connector/launch-functions.ts";
import { startPlainInstance } from "./service/connector/plain-instance.ts";
import { startSdkInstance } from "./service/connector/sdk-instance.ts";
import { openDataFolder } from "./store/data-folder.ts";
import { readServerKey } from "./store/server-key.ts";
import { trustedKeys } from "./trusted-keys.ts";

export interface ConnectorOptions {
  readonly settings: ParsedConfig;
  /** The environment of the process: functions and tools get what an allow-list takes of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This program, which also runs plugins in TypeScript. */
  readonly execPath: string;
  readonly log: Logger;
}

/** Room around the package in a launch's form. */
const FORM_BYTES = 1024 * 1024;

/**
 * Builds the connector of the serverless runtime in order and closes it in reverse. When a step fails, what was built
 * is closed before the error leaves; nothing keeps running.
 */
export async function startConnector(options: ConnectorOptions): Promise<RunningConnector> {
  const closers = new AsyncDisposableStack();
  try {
    const built = await build(options, closers);
    let closing: Promise<void> | undefined;
    return { ...built, logger: options.log, close: () => (closing ??= closers.disposeAsync()) };
  } catch (cause) {
    await closers.disposeAsync();
    throw cause;
  }
}

async function build(
  options: ConnectorOptions,
  closers: AsyncDisposableStack,
): Promise<Omit<RunningConnector, "close" | "logger">> {
  const { log } = options;
  const { config } = options.settings;
  const drainMs = config.PLUGD_DRAIN_TIMEOUT * 1000;
  const publicKeys = await trustedKeys(config);

  // State
  const folder = await openDataFolder(resolve(config.PLUGD_CONNECTOR_DATA_DIR), {
    variable: "PLUGD_CONNECTOR_DATA_DIR",
  });
  closers.defer(() => folder.close());
  const key =
    config.PLUGD_CONNECTOR_KEY === undefined
      ? await readServerKey(folder.path)
      : { key: config.PLUGD_CONNECTOR_KEY, path: undefined, created: false };
  const registry = await openFunctionRegistry({ folder: join(folder.path, "functions"), log });
  const blobs = await createDiskBlobStore({
    root: join(folder.path, "packages"),
    prefixes: { package: "plugins", asset: "assets" },
  });
  const local = {
    ...localSettings(options, { dataPath: folder.path }),
    // A daemon's setting, whose folder is the daemon's alone.
    workingPath: join(folder.path, "cwd"),
  };
  await sweep({ registry, blobs, workingPath: local.workingPath });

  // Processes
  const memory = await createMemoryLimiter({ log });
  closers.defer(() => memory.close());
  const launcher = await installLauncher({ folders: [join(folder.path, "run")] });
  const provisioner = createProvisioner({ settings: local, log });
  const starter = createSpawnStarter({ launcher, memory });
  const { startTimeoutMs, termGraceMs, maxLineBytes, memoryLimit } = runtimeSettings(config);
  const starts = createSlots(config.PLUGIN_LOCAL_LAUNCHING_CONCURRENT);
  const startInstance: StartInstance = async (what, signal) => {
    const { source, number, label, log: lines, report, daemonUrl } = what;
    const plan = await provisioner.prepare(source, { report, signal });
    report("start", "Waiting until it is healthy");
    const settings = {
      startTimeoutMs,
      termGraceMs,
      memoryBytes: memoryLimit(source.declaration.resource.memory),
      daemonUrl: daemonUrl ?? config.PLUGD_CONNECTOR_DAEMON_URL,
    };
    const leave = await starts.acquire(() => 0, signal);
    try {
      const options = { number, label, plan, starter, settings, log: lines };
      const { dialect, liveness } = readRunner(source.declaration.meta.runner);
      const heartbeat = liveness !== "none";
      return dialect === "sdk"
        ? await startSdkInstance({ ...options, freePort }, signal)
        : await startPlainInstance({ ...options, heartbeat, maxLineBytes, memoryOf: treeMemory }, signal);
    } finally {
      leave();
    }
  };

  // Services
  const functions = createFunctions({
    registry,
    blobs,
    provisioner,
    startInstance,
    poolSettings: {
      maxInstances: config.PLUGD_CONNECTOR_MAX_INSTANCES,
      callsPerInstance: config.PLUGD_CONNECTOR_INSTANCE_CALLS,
      maxWaiting: config.PLUGD_CONNECTOR_QUEUE,
      idleMs: config.PLUGD_CONNECTOR_IDLE_TIMEOUT * 1000,
    },
    log,
  });
  closers.defer(() => functions.close({ drainMs }));
  const closing = new AbortController();
  let base = "";
  const endpointOf = (id: string) => `${base}/f/${id}`;
  const maxPackageBytes = config.MAX_PLUGIN_PACKAGE_SIZE;
  const launches = createLaunchFunctions({
    functions,
    blobs,
    provisioner,
    maxPackageBytes,
    publicKeys,
    forceSignature: config.FORCE_VERIFYING_SIGNATURE,
    endpointOf,
    slots: createSlots(config.PLUGIN_LOCAL_LAUNCHING_CONCURRENT),
    log,
    closing: closing.signal,
  });
  closers.defer(() => launches.idle());
  const secret = config.PLUGD_CONNECTOR_SIGNATURE_SECRET;
  const invoke = createInvokeFunction({
    functions,
    signatures: createCallSignatures({
      windowMs: config.PLUGD_CONNECTOR_REPLAY_WINDOW * 1000,
      now: () => Date.now(),
    }),
    secret,
    timeoutMs: config.PLUGD_CONNECTOR_TIMEOUT * 1000,
    log,
  });

  // HTTP
  const tracker = createConnectorTracker(log);
  const app = createConnectorApp({
    key: key.key,
    functions,
    launches,
    invoke,
    endpointOf,
    maxPackageBytes,
    maxRequestBytes: config.PLUGD_CONNECTOR_MAX_REQUEST_BYTES,
    drainMs,
    closing: closing.signal,
    log,
    onRoute: (request, route) => tracker.route(request, route),
  });
  // Above it Bun answers 413 without a word; our own limits come first, with words.
  const maxBodyBytes = 4 * Math.max(maxPackageBytes + FORM_BYTES, config.PLUGD_CONNECTOR_MAX_REQUEST_BYTES);
  const server = startServer({
    hostname: config.PLUGD_CONNECTOR_HOST,
    port: config.PLUGD_CONNECTOR_PORT,
    maxBodyBytes,
    limitBody: createBodyLimit({ maxBytes: maxBodyBytes, except: [] }),
    fetch: (request) => app.fetch(request),
    tracker,
    log,
    variables: { host: "PLUGD_CONNECTOR_HOST", port: "PLUGD_CONNECTOR_PORT" },
  });
  closers.defer(() => server.close({ drainMs }));
  // What people and daemons watch ends first, or the listener would wait for it.
  closers.defer(() => closing.abort(new Error("The connector is stopping")));
  const url = `http://${urlHost(server.hostname)}:${server.port}`;
  base = config.PLUGD_CONNECTOR_PUBLIC_URL ?? url;

  return {
    url,
    dataDir: folder.path,
    keyPath: key.path,
    functions: registry.list().length,
    memoryLimit: config.PLUGIN_MEMORY_FLOOR === 0 ? "off (PLUGIN_MEMORY_FLOOR is 0)" : memory.detail,
    warnings: [
      ...options.settings.warnings,
      ...(launcher.kind === "none" ? [launcher.detail] : []),
      ...(secret === undefined && !isLoopback(config.PLUGD_CONNECTOR_HOST)
        ? ["PLUGD_CONNECTOR_SIGNATURE_SECRET is not set: whoever learns the URL of a function can call it"]
        : []),
    ],
  };
}

/** Resident bytes of a process and all that came from it; undefined where the system does not tell. */
function treeMemory(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  return treeOf(pid, readProcesses(readPageSize())).reduce(
    (sum, { residentBytes }) => sum + residentBytes,
    0,
  );
}

/** Removes what launches that were cut short by a kill have left: packages and folders of no function. */
async function sweep({
  registry,
  blobs,
  workingPath,
}: {
  readonly registry: FunctionRegistry;
  readonly blobs: Awaited<ReturnType<typeof createDiskBlobStore>>;
  readonly workingPath: string;
}): Promise<void> {
  for await (const identifier of blobs.list("package"))
    if (!registry.ofPlugin(identifier)) await blobs.delete("package", identifier);
  const folders = createWorkingFolders(workingPath);
  const wanted = new Set(
    registry.list().map(({ identifier }) => folders.pathOf(requireIdentifier(identifier))),
  );
  for (const path of await folders.list()) if (!wanted.has(path)) await rm(path, { recursive: true });
}

/** The host for a URL on this machine. */
function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "::") return "127.0.0.1";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}
