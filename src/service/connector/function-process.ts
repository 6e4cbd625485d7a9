import { settlesWithin } from "../../lib/deadline.ts";
import { errorMessage } from "../../lib/describe-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { readOutputLines } from "../../runtime/local/output-lines.ts";
import type { LaunchPlan } from "../../runtime/local/prepare.ts";
import type { PluginProcess, ProcessExit, ProcessStarter } from "../../runtime/process.ts";
import type { FunctionLog } from "./function-log.ts";

/** Times in milliseconds, sizes in bytes. */
export interface ProcessSettings {
  readonly startTimeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly termGraceMs: number;
  /** Of its process tree; 0: no limit. */
  readonly memoryBytes: number;
  /** `DIFY_PLUGIN_DAEMON_URL` of the process. */
  readonly daemonUrl: string;
}

export interface FunctionProcessOptions {
  readonly number: number;
  /** The function in texts. */
  readonly label: string;
  readonly plan: LaunchPlan;
  readonly starter: ProcessStarter;
  readonly settings: ProcessSettings;
  readonly log: FunctionLog;
}

/** A process of a function, with its end; what it says on stderr goes to the function's log. */
export interface FunctionProcess {
  readonly process: PluginProcess;
  /** Resolves when it has really ended: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL after a grace. Idempotent. */
  stop(): Promise<void>;
  /** Resolves with true once `isReady` does; with an error that says why otherwise. */
  untilReady(isReady: (signal: AbortSignal) => Promise<boolean>, signal: AbortSignal): Promise<void>;
  /** The end of its stderr. */
  readonly tail: string;
}

/** What reads a process's stdout. */
export interface StdoutReader {
  readonly drained: Promise<void>;
  close(): void;
}

/** What a process wrote before it died is still read for this long, though a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 300;

/** `env` wins over that of the plan. */
export async function startFunctionProcess(
  options: FunctionProcessOptions,
  how: {
    readonly env: Readonly<Record<string, string>>;
    readonly readStdout: (stream: ReadableStream<Uint8Array>) => StdoutReader;
  },
): Promise<FunctionProcess> {
  const { plan, settings, number, label, log } = options;
  const process = await options.starter.start({
    argv: plan.argv,
    cwd: plan.cwd,
    env: { ...plan.env, DIFY_PLUGIN_DAEMON_URL: settings.daemonUrl, ...how.env },
    limits: { memoryBytes: settings.memoryBytes },
  });
  const stdout = how.readStdout(process.stdout);
  const stderr = readOutputLines(process.stderr, {
    onLine: (line) => log.write({ instance: number, source: "stderr", line }),
    onBroken: (cause) =>
      log.write({
        instance: number,
        source: "connector",
        line: `Cannot read stderr: ${errorMessage(cause)}`,
      }),
  });
  /** Set when we end it. */
  let stopping: Promise<void> | undefined;

  async function untilEnded(): Promise<string> {
    const exit = await process.exited;
    await settlesWithin(Promise.all([stdout.drained, stderr.drained]), LAST_OUTPUT_MS);
    stdout.close();
    stderr.close();
    return stopping ? "it was stopped" : describeExit(exit);
  }

  const ended = untilEnded();

  async function stop(): Promise<void> {
    process.signal("SIGTERM");
    if (!(await settlesWithin(process.exited, settings.termGraceMs))) process.signal("SIGKILL");
    await ended;
  }

  function startFailed(why: string): DaemonError {
    const tail = stderr.tail.trim();
    return new DaemonError(
      "unavailable",
      `Cannot start function "${label}": ${why} before it was healthy${tail === "" ? "" : `\n${tail}`}`,
      { hint: "Its stderr above tells why; the plugin's own code or its dependencies failed" },
    );
  }

  return {
    process,
    ended,
    stop: () => (stopping ??= stop()),
    async untilReady(isReady, signal) {
      const over = new AbortController();
      const limit = AbortSignal.timeout(settings.startTimeoutMs);
      const end = ended.then((why) => {
        over.abort();
        return why;
      });
      const ready = await isReady(AbortSignal.any([signal, limit, over.signal]));
      // Whatever has answered, this process has not, if it has ended.
      if (over.signal.aborted) throw startFailed(await end);
      signal.throwIfAborted();
      const seconds = Math.round(settings.startTimeoutMs / 1000);
      if (!ready) throw startFailed(`it did not answer within ${seconds} seconds`);
    },
    get tail() {
      return stderr.tail;
    },
  };
}

function describeExit(exit: ProcessExit): string {
  if (exit.outOfMemory) return "it used more memory than its limit (resource.memory, PLUGIN_MEMORY_FLOOR)";
  return exit.signal !== null ? `it was ended by ${exit.signal}` : `it exited with ${exit.code ?? "no code"}`;
}
