import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningDaemon } from "../../src/cli/cli-deps.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { startDaemon } from "../../src/daemon.ts";
import { createLogger } from "../../src/lib/create-logger.ts";
import { type DaemonApi, daemonApi } from "./daemon-api.ts";

/** Settings of the environment; they win over those that every test daemon gets. */
export interface TestDaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Kept when the daemon ends, for the next one; without it there is one that goes with the daemon. */
  readonly dataDir?: string;
}

export interface TestDaemon extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly key: string;
  readonly dataDir: string;
  readonly api: DaemonApi;
  /** What it has logged so far, or for a process: all that it printed. */
  log(): string;
}

/** A daemon in this process. */
export interface LocalDaemon extends TestDaemon {
  /** As SIGTERM does: drains, then ends. */
  close(): Promise<void>;
}

/** A daemon that is a process of its own, from source. */
export interface ChildDaemon extends TestDaemon {
  readonly pid: number;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
  /** The exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
}

const MAIN = join(import.meta.dir, "../../src/main.ts");
/** Time to answer, and to end after SIGTERM. */
const LIMIT_MS = 20_000;
const KEPT_VARIABLES = ["PATH", "HOME", "TMPDIR", "LANG"];

/** Starts a daemon in this process on a free port. Ends with its block (`await using`). */
export async function startTestDaemon(options: TestDaemonOptions = {}): Promise<LocalDaemon> {
  const lines: string[] = [];
  const logger = createLogger({ level: "DEBUG", format: "text", write: (line) => lines.push(line) });
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "plugd-daemon-")));
  const { env, key } = testEnvironment(options, dataDir);
  let daemon: RunningDaemon;
  try {
    daemon = await startDaemon({
      settings: parseConfig(env),
      env,
      execPath: process.execPath,
      log: logger,
      startedAt: performance.now(),
    });
  } catch (error) {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  return {
    url: daemon.url,
    port: Number(new URL(daemon.url).port),
    key,
    dataDir,
    api: daemonApi({ url: daemon.url, key }),
    log: () => lines.join(""),
    close: () => daemon.close(),
    async [Symbol.asyncDispose]() {
      await daemon.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Starts a daemon as a process and waits until it answers. Killed with its block (`await using`). */
export async function spawnTestDaemon(options: TestDaemonOptions = {}): Promise<ChildDaemon> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "plugd-daemon-")));
  const { env, key, port } = testEnvironment(options, dataDir);
  const url = `http://127.0.0.1:${port}`;
  const api = daemonApi({ url, key });
  const { child, output, exited } = spawnDaemonProcess(env);

  async function dispose(): Promise<void> {
    child.kill("SIGKILL");
    await exited;
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }

  try {
    await answers({ api, output, hasEnded: () => child.exitCode !== null || child.signalCode !== null });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url,
    port,
    key,
    dataDir,
    api,
    log: output,
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    exited,
    [Symbol.asyncDispose]: dispose,
  };
}

/** How a start that is expected to fail ended. */
export async function failedStart(
  options: TestDaemonOptions & { readonly dataDir: string },
): Promise<{ readonly code: number | null; readonly output: string }> {
  const { child, output, exited } = spawnDaemonProcess(testEnvironment(options, options.dataDir).env);
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const code = await exited;
  clearTimeout(timer);
  return { code, output: output() };
}

/** A port that was free a moment ago; the daemon takes 0 for "the default". */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

function testEnvironment(options: TestDaemonOptions, dataDir: string) {
  const kept = KEPT_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env: Record<string, string> = {
    ...Object.fromEntries(kept),
    SERVER_HOST: "127.0.0.1",
    SERVER_PORT: String(freePort()),
    SERVER_KEY: "a key that only this test knows",
    FORCE_VERIFYING_SIGNATURE: "false",
    PLUGIN_REMOTE_INSTALLING_ENABLED: "false",
    PLUGD_SQLITE_SYNCHRONOUS: "normal",
    PLUGD_DRAIN_TIMEOUT: "5",
    // As a daemon sets it for itself at its start, which then takes one start in place of two.
    BUN_CONFIG_MAX_HTTP_REQUESTS: "8192",
    ...options.env,
    PLUGD_DATA_DIR: dataDir,
  };
  return { env, key: env["SERVER_KEY"] ?? "", port: Number(env["SERVER_PORT"]) };
}

function spawnDaemonProcess(env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, MAIN, "start"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  // A grandchild may hold the pipes for longer; what it prints concerns nobody here.
  const read = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exited = (async () => {
    await child.exited;
    await Promise.race([read, Bun.sleep(200)]);
    return child.signalCode === null ? child.exitCode : null;
  })();
  return { child, exited, output: () => text };
}

async function answers(daemon: {
  readonly api: DaemonApi;
  hasEnded(): boolean;
  output(): string;
}): Promise<void> {
  const giveUp = performance.now() + LIMIT_MS;
  while (!daemon.hasEnded() && performance.now() < giveUp) {
    // Refused until it listens.
    const response = await daemon.api.request("/health/check").catch(() => undefined);
    if (response?.ok) return;
    await Bun.sleep(10);
  }
  throw new Error(`The daemon does not answer:\n${daemon.output()}`);
}
