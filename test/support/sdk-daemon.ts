import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolEnvironment } from "../../src/runtime/local/clean-environment.ts";
import { type EnvironmentRecord, readRecord } from "../../src/runtime/local/python/environments.ts";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import { CACHE, findPython, findUv } from "../integration/python-env-support.ts";
import { type CallAnswer, readCall, type Task, TENANT } from "./daemon-api.ts";
import { type LocalDaemon, startTestDaemon, type TestDaemonOptions } from "./daemon.ts";
import { packZip } from "./pack.ts";
import { isRunning, until } from "./processes.ts";

/** The published SDK that these tests are about, as the plugins of test/fixtures/plugins pin it. */
export const SDK = "dify_plugin==0.10.2";
const INDEX_VARIABLES = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"];
const NETWORK_VARIABLES = [
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];
/** An installation that downloads and compiles everything, on a busy machine. */
const INSTALL_LIMIT_MS = 240_000;

export interface SdkCall {
  /** Below `/dispatch`, such as `/tool/invoke`. */
  readonly path: string;
  readonly data: object;
  /** Beside `user_id` and `data`. */
  readonly envelope?: object;
  readonly signal?: AbortSignal;
}

export interface InstalledSdkPlugin {
  readonly identifier: string;
  readonly pluginId: string;
  /** The installation's row. */
  readonly installation: string;
  /** Every message that the task has shown while it ran, in order. */
  readonly messages: readonly string[];
  readonly tookMs: number;
}

export interface SdkDaemon extends LocalDaemon {
  /** Installs a plugin of test/fixtures/plugins; `changes` as in `loadPlugin`. Fails when the task does. */
  add(name: string, changes?: Changes): Promise<InstalledSdkPlugin>;
  /** As `add`, but answers a task that has failed. */
  attempt(name: string, changes?: Changes): Promise<{ readonly task: Task; readonly messages: string[] }>;
  /** The environments that were built, by their records. */
  environments(): Promise<readonly EnvironmentRecord[]>;
  /** A whole dispatch answer. */
  ask(pluginId: string, call: SdkCall): Promise<CallAnswer>;
  /** The answer as it comes. */
  stream(pluginId: string, call: SdkCall): Promise<Response>;
  /** The same call below `/v2/invoke`, which names a version in place of an installation. */
  askDirectly(identifier: string, call: SdkCall): Promise<CallAnswer>;
}

export type Changes = Readonly<Record<string, string | null>>;

/** Interpreters of a version, and uv, as they are on this machine. */
export interface SdkTools {
  readonly python: string;
  readonly uv: string | undefined;
}

/** What the tests need, or why they cannot run here. */
export async function findSdkTools(): Promise<SdkTools | { readonly missing: string }> {
  const python = (await findPython(12)) ?? (await findPython(13)) ?? (await findPython(14));
  if (python === undefined) return { missing: "no Python ≥ 3.12" };
  const uv = await findUv();
  return reachesIndex(python, uv) ? { python, uv } : { missing: "no package index" };
}

/** Asks as the daemon does, with the same variables. */
function reachesIndex(python: string, uv: string | undefined): boolean {
  const { PIP_MIRROR_URL: mirror } = indexSettings();
  const index = mirror === undefined ? [] : ["-i", mirror];
  const argv =
    uv === undefined
      ? [python, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", SDK, ...index]
      : [uv, "pip", "compile", "--no-deps", "--python", python, "-q", "--no-header", ...index, "-"];
  const asked = Bun.spawnSync(argv, {
    stdin: new TextEncoder().encode(`${SDK}\n`),
    stdout: "ignore",
    stderr: "ignore",
    timeout: 60_000,
    env: {
      ...toolEnvironment(process.env, { http: undefined, https: undefined, no: undefined }),
      UV_CACHE_DIR: join(CACHE, "uv"),
      UV_NO_CONFIG: "1",
      PIP_CACHE_DIR: join(CACHE, "pip"),
    },
  });
  return asked.exitCode === 0;
}

/** How this machine reaches its package index, as settings of a daemon. */
export function indexSettings(): Record<string, string> {
  const mirror = INDEX_VARIABLES.map((name) => process.env[name]).find((value) => value !== undefined);
  const kept = NETWORK_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...(mirror !== undefined && { PIP_MIRROR_URL: mirror }) };
}

export interface SdkDaemonOptions extends TestDaemonOptions {
  /** Builds its environments itself, in place of those that earlier tests have left. */
  readonly alone?: boolean;
}

/** A daemon in this process whose downloads are those of all such daemons. */
export async function startSdkDaemon(options: SdkDaemonOptions = {}): Promise<SdkDaemon> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "plugd-sdk-")));
  mkdirSync(CACHE, { recursive: true });
  mkdirSync(dataDir, { recursive: true });
  const kept = { cache: CACHE, envs: options.alone === true ? undefined : keptEnvironments() };
  for (const [name, folder] of Object.entries(kept))
    if (folder !== undefined && !existsSync(join(dataDir, name))) symlinkSync(folder, join(dataDir, name));
  const daemon = await startTestDaemon({ env: { ...indexSettings(), ...options.env }, dataDir });
  const { api } = daemon;

  function post(path: string, call: SdkCall, head: { headers: Record<string, string>; body?: object }) {
    return api.request(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...head.headers },
      body: JSON.stringify({ user_id: "u1", ...call.envelope, ...head.body, data: call.data }),
      ...(call.signal && { signal: call.signal }),
    });
  }

  const attempt: SdkDaemon["attempt"] = async (name, changes) => {
    const { data, failure } = await api.upload(sdkPackage(name, changes));
    if (failure) throw new Error(`The package was refused: ${failure.message}`);
    const { unique_identifier: identifier } = data as { unique_identifier: string };
    const taskId = await api.startInstall(identifier);
    const messages: string[] = [];
    let task = await api.task(taskId);
    await until(
      `the installation of ${identifier} has ended`,
      async () => {
        task = await api.task(taskId);
        const message = task.plugins[0]?.message ?? "";
        if (message !== messages.at(-1)) messages.push(message);
        return task.status === "success" || task.status === "failed";
      },
      { withinMs: INSTALL_LIMIT_MS, everyMs: 5 },
    );
    return { task, messages };
  };

  const stream: SdkDaemon["stream"] = (pluginId, call) =>
    post(`/plugin/${TENANT}/dispatch${call.path}`, call, { headers: { "x-plugin-id": pluginId } });

  return {
    ...daemon,
    attempt,
    stream,
    async add(name, changes) {
      const began = performance.now();
      const { task, messages } = await attempt(name, changes);
      const tookMs = performance.now() - began;
      const identifier = task.plugins[0]?.plugin_unique_identifier ?? "";
      if (task.status !== "success") throw new Error(`Not installed: ${JSON.stringify(task.plugins)}`);
      const row = (await api.installations()).find((one) => one.plugin_unique_identifier === identifier);
      if (!row) throw new Error(`There is no installation of ${identifier}`);
      return { identifier, pluginId: row.plugin_id, installation: row.id, messages, tookMs };
    },
    async environments() {
      const folder = join(dataDir, "envs");
      const names = await readdir(folder);
      const records = await Promise.all(
        names.filter((name) => name.endsWith(".json")).map((name) => readRecord(join(folder, name))),
      );
      return records.filter((record) => record !== undefined);
    },
    ask: async (pluginId, call) => readCall(await stream(pluginId, call)),
    askDirectly: async (identifier, call) =>
      readCall(
        await post(`/v2/invoke/dispatch${call.path}`, call, {
          headers: { "x-plugin-unique-identifier": identifier },
          body: { tenant_id: TENANT },
        }),
      ),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * Environments are kept between runs like downloads, for one run at a time: two daemons in two processes would build in
 * each other's folders. Undefined while another run has them.
 */
export function keptEnvironments(): string | undefined {
  const folder = join(CACHE, "sdk-envs");
  const owner = join(CACHE, "sdk-envs.pid");
  mkdirSync(folder, { recursive: true });
  const pid = existsSync(owner) ? Number(readFileSync(owner, "utf8")) : 0;
  if (pid !== 0 && pid !== process.pid && isRunning(pid)) return undefined;
  writeFileSync(owner, String(process.pid));
  return folder;
}

/** A plugin of test/fixtures/plugins as a package, with the module that raises what a test asks for. */
export function sdkPackage(name: string, changes: Changes = {}): Uint8Array {
  const faults = readFileSync(join(import.meta.dir, "../fixtures/plugins/faults.py"));
  const files = loadPlugin(name, changes).map(({ path, bytes }) => ({ name: path, data: bytes }));
  return packZip([...files, { name: "faults.py", data: faults }]);
}

/** The change that gives a plugin of test/fixtures/plugins another name, for installing it once more. */
export function renamed(plugin: string, name: string): Changes {
  const manifest = readFileSync(
    join(import.meta.dir, "../fixtures/plugins", plugin, "manifest.yaml"),
    "utf8",
  );
  return { "manifest.yaml": manifest.replace(/^name: .*$/m, `name: ${name}`) };
}
