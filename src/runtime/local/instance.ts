import { settlesWithin } from "../../lib/deadline.ts";
import type { LogAttributes, Logger } from "../../lib/logger.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Breakpoint, Codec, Reload } from "../../protocol/messages.ts";
import type { Runner } from "../../protocol/runner.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import { createSessions, type Sessions } from "../../session/sessions.ts";
import { createStdioTransport } from "../../transport/stdio.ts";
import type { PluginProcess, ProcessExit } from "../process.ts";
import { createHeartbeatAsks, type HeartbeatAsks } from "../heartbeat-asks.ts";
import { createSilenceWatch } from "../silence-watch.ts";
import { logStderr } from "./stderr-log.ts";
import { PLUGIN_LINES } from "../plugin-lines.ts";

/** Settings of an instance. Times in milliseconds; 0 for `silenceMs` means that silence is never a failure. */
export interface InstanceSettings {
  readonly maxLineBytes: number;
  readonly budgetBytes: number;
  readonly stallMs: number;
  readonly startTimeoutMs: number;
  readonly silenceMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly termGraceMs: number;
  /** Between two heartbeats that the daemon asks for, and how long each may take. Default: 10 s and 5 s. */
  readonly heartbeat?: { readonly everyMs: number; readonly withinMs: number };
}

export interface InstanceOptions extends InstanceSettings {
  /** The plugin in texts: `author/name:version`. */
  readonly label: string;
  readonly codec: Codec;
  /** Default: `told`, as the SDK does. */
  readonly liveness?: Runner["liveness"];
  readonly log: Logger;
  readonly onBreakpoint?: ((breakpoint: Breakpoint) => void) | undefined;
  readonly onReload?: ((reload: Reload) => void) | undefined;
}

/** One process of a plugin with the sessions that run in it. */
export interface Instance {
  readonly pid: number;
  readonly facts: LogAttributes;
  readonly sessions: Sessions;
  /** Its dialect knows `continue` and `reload`. */
  readonly canBeTold: boolean;
  /** False while it has missed a heartbeat that it was asked for. */
  readonly healthy: boolean;
  /** Resolves with the first heartbeat, or at once where there are none. Rejects when the process ends before, or is silent for too long. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended and every call with it: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  /** Waits for open calls, at most `drainMs`, then ends the process: SIGTERM, and SIGKILL after a grace. */
  stop(drainMs: number): Promise<void>;
  kill(): Promise<void>;
}

/** What a process wrote before it died is still read for this long, though a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 300;
/** A process that closed one of its pipes is given this long to end itself. */
const HANGUP_GRACE_MS = 500;
/** Silence is looked for at least this often, and no more often than once a second. */
const MAX_CHECK_MS = 30_000;
const HEARTBEAT = { everyMs: 10_000, withinMs: 5_000 };
/** A program without heartbeats that is still there after this long has started. */
const START_GRACE_MS = 300;

export function createInstance(process: PluginProcess, options: InstanceOptions): Instance {
  const { label, log, liveness = "told" } = options;
  const firstBeat = Promise.withResolvers<void>();
  const checkMs = Math.max(1000, Math.min(MAX_CHECK_MS, options.silenceMs / 4));
  const silence = createSilenceWatch({ checkMs, now: () => performance.now() });
  const sign = () => silence.sign();
  let beaten = false;
  let warned = false;
  /** Set when we end it ourselves: the reason that operators and callers get. */
  let ending: string | undefined;

  const stderr = logStderr(process.stderr, { label, log, onActivity: sign });
  const transport = createStdioTransport(
    { pid: process.pid, stdout: process.stdout, write },
    { codec: options.codec, maxLineBytes: options.maxLineBytes, onActivity: sign },
  );
  const sessions = createSessions(transport, {
    label,
    budgetBytes: options.budgetBytes,
    stallMs: options.stallMs,
    onHeartbeat() {
      beaten = true;
      firstBeat.resolve();
      asks?.answered();
    },
    onLog: (level, message) => log[level](PLUGIN_LINES.log, { plugin: label, message }),
    ...(options.onBreakpoint && { onBreakpoint: options.onBreakpoint }),
    ...(options.onReload && { onReload: options.onReload }),
    onNoise: (text) => log.debug(PLUGIN_LINES.output, { plugin: label, text }),
    describeEnd: async () => connectionClosed(await process.exited),
  });
  const asks = liveness === "asked" ? askForHeartbeats() : undefined;
  const watched = options.silenceMs !== 0 && liveness !== "none";
  const watch = watched ? setInterval(checkSilence, checkMs) : undefined;
  const ended = untilEnded();

  function end(why: string): void {
    ending ??= why;
    process.signal("SIGKILL");
  }

  function askForHeartbeats(): HeartbeatAsks {
    const { everyMs, withinMs } = options.heartbeat ?? HEARTBEAT;
    return createHeartbeatAsks({
      everyMs,
      withinMs,
      now: () => performance.now(),
      // Where it can no longer be asked its end is told by the transport.
      ask: () => transport.send({ kind: "heartbeat" }).catch(() => undefined),
      isDeaf: () => sessions.paused,
      onMissed: () =>
        log.warn("Plugin missed a heartbeat", { plugin: label, pid: process.pid, limit_s: withinMs / 1000 }),
      onDead: () => end("it missed two heartbeats in a row (it has to answer them while it works, too)"),
    });
  }

  async function write(text: string, signal?: AbortSignal): Promise<void> {
    try {
      await process.write(text, signal);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      // Nothing can be asked of it any more, however well it beats; most often it is just about to end.
      if (!(await settlesWithin(process.exited, HANGUP_GRACE_MS))) end("it closed its stdin");
      throw cause;
    }
  }

  function checkSilence(): void {
    // Before the first beat the start has a limit of its own, and a plugin that is not read cannot be heard.
    if (!beaten || sessions.paused) sign();
    const silentMs = silence.check();
    const seconds = Math.round(silentMs / 1000);
    if (silentMs > options.silenceMs) end(`it gave no sign of life for ${seconds} seconds`);
    else if (silentMs <= options.silenceMs / 2) warned = false;
    else if (!warned) {
      warned = true;
      log.warn("Plugin is silent", {
        plugin: label,
        pid: process.pid,
        silent_s: seconds,
        limit_s: options.silenceMs / 1000,
      });
    }
  }

  async function untilEnded(): Promise<string> {
    // Whichever comes first: the process ends, or it closes its stdout, without which it is of no use.
    await Promise.race([process.exited, transport.closed]);
    if (!(await settlesWithin(process.exited, HANGUP_GRACE_MS))) end("it closed its stdout");
    const exit = await process.exited;
    clearInterval(watch);
    asks?.close();
    await settlesWithin(Promise.all([sessions.ended, stderr.drained]), LAST_OUTPUT_MS);
    // A grandchild may hold the pipes; what it does is no concern of the sessions any more.
    stderr.close();
    await transport.close();
    const reason = await sessions.ended;
    if (reason.kind === "broken")
      log.error("Cannot read the output of a plugin", { plugin: label, error: reason.cause });
    const why = describeExit(exit);
    firstBeat.reject(startFailed(why));
    return why;
  }

  function describeExit(exit: ProcessExit): string {
    if (exit.outOfMemory) return "it used more memory than its limit (resource.memory, PLUGIN_MEMORY_FLOOR)";
    if (ending !== undefined) return ending;
    return exit.signal !== null
      ? `it was ended by ${exit.signal}`
      : `it exited with ${exit.code ?? "no code"}`;
  }

  function connectionClosed(exit: ProcessExit): PluginError {
    const { tail } = stderr;
    return {
      error_type: "ConnectionClosedError",
      message: `Connection closed unexpectedly: plugin "${label}" ended while it was called, ${describeExit(exit)}`,
      args: { exit_code: exit.code, signal: exit.signal, out_of_memory: exit.outOfMemory, stderr: tail },
    };
  }

  function startFailed(why: string): DaemonError {
    const tail = stderr.tail.trim();
    return new DaemonError(
      "unavailable",
      `Cannot start plugin "${label}": ${why} before its first heartbeat${tail === "" ? "" : `\n${tail}`}`,
      {
        hint: "Read its stderr above and in the log of the daemon; the plugin's own code or its dependencies failed",
      },
    );
  }

  if (liveness === "none")
    void settlesWithin(process.exited, START_GRACE_MS).then((gone) => {
      if (!gone) firstBeat.resolve();
    });
  const startTimer = setTimeout(
    () => end(`it gave no heartbeat within ${Math.round(options.startTimeoutMs / 1000)} seconds`),
    options.startTimeoutMs,
  );
  const ready = firstBeat.promise.finally(() => clearTimeout(startTimer));
  // Whoever starts the instance awaits `ready`; a stop before that must not become an unhandled rejection.
  ready.catch(() => undefined);

  return {
    pid: process.pid,
    facts: { pid: process.pid },
    sessions,
    canBeTold: options.codec.name === "plain",
    get healthy() {
      return asks?.healthy ?? true;
    },
    ready,
    ended,
    async stop(drainMs) {
      await settlesWithin(Promise.race([sessions.whenIdle(), process.exited]), drainMs);
      ending ??= "it was stopped";
      process.signal("SIGTERM");
      if (!(await settlesWithin(process.exited, options.termGraceMs))) process.signal("SIGKILL");
      await ended;
    },
    async kill() {
      end("it was ended by force");
      await ended;
    },
  };
}
