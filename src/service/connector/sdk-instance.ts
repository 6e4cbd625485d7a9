import { settlesWithin } from "../../lib/deadline.ts";
import { errorMessage } from "../../lib/describe-error.ts";
import { pause } from "../../lib/pause.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { readOutputLines } from "../../runtime/local/output-lines.ts";
import type { LaunchPlan } from "../../runtime/local/prepare.ts";
import type { PluginProcess, ProcessExit, ProcessStarter } from "../../runtime/process.ts";
import type { FunctionCall, FunctionInstance } from "./function-instance.ts";
import type { FunctionLog } from "./function-log.ts";

/** Times in milliseconds, sizes in bytes. */
export interface InstanceSettings {
  readonly startTimeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly termGraceMs: number;
  /** Of its process tree; 0: no limit. */
  readonly memoryBytes: number;
  /** `DIFY_PLUGIN_DAEMON_URL` of the process. */
  readonly daemonUrl: string;
}

export interface SdkInstanceOptions {
  readonly number: number;
  /** The function in texts. */
  readonly label: string;
  readonly plan: LaunchPlan;
  readonly starter: ProcessStarter;
  readonly settings: InstanceSettings;
  /** A port of the loopback interface that is free just now. */
  readonly freePort: () => number;
  readonly log: FunctionLog;
}

const HOST = "127.0.0.1";
/** Another program may take the port between the look and the start. */
const START_ATTEMPTS = 3;
const FIRST_POLL_MS = 20;
const MAX_POLL_MS = 200;
const HEALTH_TIMEOUT_MS = 2000;
/** What a process wrote before it died is still read for this long, though a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 300;

/**
 * Starts the published SDK in its serverless mode on a port of this machine (contract/plugin-wire 3.7); resolves when
 * its `/health` answers. Rejects with `unavailable` and the end of its stderr when it ends before, or is not there in
 * time; nothing is left running then.
 */
export async function startSdkInstance(
  options: SdkInstanceOptions,
  signal: AbortSignal,
): Promise<FunctionInstance> {
  for (let attempt = 1; ; attempt++) {
    const port = options.freePort();
    const running = await startProcess(options, port);
    try {
      await untilHealthy(running, { port, signal, options });
      return running.instance;
    } catch (cause) {
      await running.instance.stop();
      if (attempt === START_ATTEMPTS || !/address already in use/i.test(running.tail())) throw cause;
    }
  }
}

interface Running {
  readonly instance: FunctionInstance;
  readonly process: PluginProcess;
  tail(): string;
}

async function startProcess(options: SdkInstanceOptions, port: number): Promise<Running> {
  const { plan, settings, number, log } = options;
  const process = await options.starter.start({
    argv: plan.argv,
    cwd: plan.cwd,
    env: {
      ...plan.env,
      INSTALL_METHOD: "serverless",
      SERVERLESS_HOST: HOST,
      SERVERLESS_PORT: String(port),
      DIFY_PLUGIN_DAEMON_URL: settings.daemonUrl,
      // Nothing else goes through stdout, and what is printed is for those who watch.
      PYTHONUNBUFFERED: "1",
    },
    limits: { memoryBytes: settings.memoryBytes },
  });
  const output = (source: "stdout" | "stderr") =>
    readOutputLines(process[source], {
      onLine: (line) => log.write({ instance: number, source, line }),
      onBroken: (cause) =>
        log.write({
          instance: number,
          source: "connector",
          line: `Cannot read ${source}: ${errorMessage(cause)}`,
        }),
    });
  const outputs = { stdout: output("stdout"), stderr: output("stderr") };
  /** Set when we end it. */
  let stopping: Promise<void> | undefined;

  async function untilEnded(): Promise<string> {
    const exit = await process.exited;
    await settlesWithin(Promise.all([outputs.stdout.drained, outputs.stderr.drained]), LAST_OUTPUT_MS);
    outputs.stdout.close();
    outputs.stderr.close();
    return stopping ? "it was stopped" : describeExit(exit);
  }

  const ended = untilEnded();

  async function stop(): Promise<void> {
    process.signal("SIGTERM");
    if (!(await settlesWithin(process.exited, settings.termGraceMs))) process.signal("SIGKILL");
    await ended;
  }

  return {
    process,
    tail: () => outputs.stderr.tail.trim(),
    instance: {
      number,
      pid: process.pid,
      ended,
      call: (call, signal) => request(port, call, signal),
      stop: () => (stopping ??= stop()),
    },
  };
}

function request(port: number, call: FunctionCall, signal: AbortSignal): Promise<Response> {
  return fetch(`http://${HOST}:${port}/invoke?action=${encodeURIComponent(call.action)}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      "dify-plugin-session-id": call.sessionId,
      ...(call.traceparent !== undefined && { traceparent: call.traceparent }),
    },
    body: call.body,
    signal,
    redirect: "manual",
    proxy: false,
    // The limit is ours, and exact.
    timeout: false,
  });
}

async function untilHealthy(
  running: Running,
  how: { readonly port: number; readonly signal: AbortSignal; readonly options: SdkInstanceOptions },
): Promise<void> {
  const { startTimeoutMs } = how.options.settings;
  const over = new AbortController();
  const end = running.instance.ended.then((why) => {
    over.abort();
    return why;
  });
  const limit = AbortSignal.timeout(startTimeoutMs);
  const signal = AbortSignal.any([how.signal, limit, over.signal]);
  for (let pollMs = FIRST_POLL_MS; !signal.aborted; pollMs = Math.min(MAX_POLL_MS, 2 * pollMs)) {
    if (await isHealthy(how.port, signal)) break;
    await pause(pollMs, signal);
  }
  // A foreign program on this port must not pass for a process that has ended.
  if (over.signal.aborted) throw startFailed(how.options, running, await end);
  how.signal.throwIfAborted();
  if (limit.aborted)
    throw startFailed(
      how.options,
      running,
      `it did not answer within ${Math.round(startTimeoutMs / 1000)} seconds`,
    );
}

async function isHealthy(port: number, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`http://${HOST}:${port}/health`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(HEALTH_TIMEOUT_MS)]),
      proxy: false,
      redirect: "manual",
    });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    // It does not listen yet.
    return false;
  }
}

function startFailed({ label }: SdkInstanceOptions, running: Running, why: string): DaemonError {
  const tail = running.tail();
  return new DaemonError(
    "unavailable",
    `Cannot start function "${label}": ${why} before it was healthy${tail === "" ? "" : `\n${tail}`}`,
    { hint: "Its stderr above tells why; the plugin's own code or its dependencies failed" },
  );
}

function describeExit(exit: ProcessExit): string {
  if (exit.outOfMemory) return "it used more memory than its limit (resource.memory, PLUGIN_MEMORY_FLOOR)";
  return exit.signal !== null ? `it was ended by ${exit.signal}` : `it exited with ${exit.code ?? "no code"}`;
}
