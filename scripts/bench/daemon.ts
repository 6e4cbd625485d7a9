import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_TENANT } from "../../src/cli/connection.ts";
import { type DaemonClient, daemonClient } from "../../src/cli/daemon-client.ts";
import { startInstall, uploadPackage } from "../../src/cli/install.ts";
import { followInstall } from "../../src/cli/install-task.ts";
import { endChild, type Scope } from "./scope.ts";

/** A daemon that is measured. */
export interface BenchDaemon {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to the first answer of `/health/check`, in milliseconds. */
  readonly readyMs: number;
  /** What every call needs beside `x-plugin-id`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Resolves with the package's identifier. Rejects with what the daemon says, as all of these do. */
  upload(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  /** Uploads a package, installs it and waits for its first heartbeat. Resolves with its identifier. */
  install(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  /** The `data` of an answer; the path is one below the tenant, such as `endpoint/setup`. */
  post(path: string, body: unknown): Promise<unknown>;
  get(path: string, query: Readonly<Record<string, string>>): Promise<unknown>;
  /** SIGTERM, and resolves with the end. */
  stop(): Promise<void>;
}

export interface BenchDaemonOptions {
  readonly program: string;
  readonly folder: string;
  /** Default: one that is free. */
  readonly port?: number;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
}

const READY_LIMIT_MS = 15_000;
const INSTALL_LIMIT_MS = 90_000;
const KEY = "a key that only this bench knows";
/** Of the caller's environment what finding programs and packages takes; none of a daemon's settings. */
const KEPT =
  /^(?:PATH|HOME|TMPDIR|LANG|PYENV_ROOT|UV_\w+|PIP_\w+|XDG_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(?:https?|no|all)_proxy)$/i;

/** The log goes to a file at its default level, as in service. */
export async function startBenchDaemon(scope: Scope, options: BenchDaemonOptions): Promise<BenchDaemon> {
  const { program, folder, port = freePort() } = options;
  const url = `http://127.0.0.1:${port}`;
  const logPath = join(folder, "bench-daemon.log");
  const began = performance.now();
  const child = Bun.spawn([program, "start"], {
    cwd: folder,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name))),
      PLUGD_DATA_DIR: join(folder, "data"),
      SERVER_HOST: "127.0.0.1",
      SERVER_PORT: String(port),
      SERVER_KEY: KEY,
      FORCE_VERIFYING_SIGNATURE: "false",
      PLUGIN_REMOTE_INSTALLING_ENABLED: "false",
      PLUGD_DRAIN_TIMEOUT: "5",
      ...options.env,
    },
    stdio: ["ignore", Bun.file(logPath), Bun.file(`${logPath}.errors`)],
  });
  scope.adopt(child);

  while (!(await isHealthy(url))) {
    const late = performance.now() - began > READY_LIMIT_MS;
    if (late || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`Cannot start "${program}":\n${tail(logPath)}${tail(`${logPath}.errors`)}`);
    await Bun.sleep(1);
  }
  const readyMs = performance.now() - began;

  const connection = { url, key: KEY, keySource: "the bench", tenantId: DEFAULT_TENANT };
  const signal = AbortSignal.timeout(2 ** 31 - 1);
  const client = daemonClient(connection, { program: "plugd", signal });
  return {
    url,
    pid: child.pid,
    readyMs,
    headers: { "content-type": "application/json", "x-api-key": KEY },
    upload: (bytes) => upload(client, bytes),
    install: (bytes) => install(client, bytes),
    post: (path, body) => client.post(path, body),
    get: (path, query) => client.get(path, query),
    stop: () => endChild(child),
  };
}

/** Where calls of an action go, such as `/tool/invoke`. */
export function dispatchUrl(base: string, action: string): string {
  return `${base}/plugin/${DEFAULT_TENANT}/dispatch${action}`;
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/check`, { proxy: false, keepalive: false });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    // Refused until it listens.
    return false;
  }
}

function upload(client: DaemonClient, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return uploadPackage(client, { bytes, name: "bench.difypkg" });
}

async function install(client: DaemonClient, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const identifier = await upload(client, bytes);
  const taskId = await startInstall(client, identifier);
  if (taskId === undefined) return identifier;
  await followInstall(client, {
    taskId,
    identifier,
    timeoutMs: INSTALL_LIMIT_MS,
    pollMs: 50,
    signal: AbortSignal.timeout(INSTALL_LIMIT_MS),
    onStep: () => undefined,
  });
  return identifier;
}

function tail(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(-2000);
  } catch {
    return "";
  }
}
