import { settlesWithin } from "../../lib/deadline.ts";
import { createLineSplitter, type SplitPart } from "../../lib/line-splitter.ts";
import type { Logger } from "../../lib/logger.ts";
import { createRingText } from "../../lib/ring-text.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Codec } from "../../protocol/messages.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import { type BackwardsCall, createSessions, type Sessions } from "../../session/sessions.ts";
import { createStdioTransport } from "../../transport/stdio.ts";
import type { PluginProcess, ProcessExit } from "../process.ts";

/** Settings of an instance. Times in milliseconds; 0 for `silenceMs` means that silence is never a failure. */
export interface InstanceSettings {
  readonly maxLineBytes: number;
  readonly budgetBytes: number;
  readonly stallMs: number;
  readonly startTimeoutMs: number;
  readonly silenceMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly termGraceMs: number;
}

export interface InstanceOptions extends InstanceSettings {
  /** The plugin in texts: `author/name:version`. */
  readonly label: string;
  readonly codec: Codec;
  readonly log: Logger;
  readonly onBackwardsCall: (call: BackwardsCall) => void;
}

/** One process of a plugin with the sessions that run in it. */
export interface Instance {
  readonly pid: number;
  readonly sessions: Sessions;
  /** Resolves with the first heartbeat. Rejects when the process ends before, or is silent for too long. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended and every call with it: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  /** Waits for open calls, at most `drainMs`, then ends the process: SIGTERM, and SIGKILL after a grace. */
  stop(drainMs: number): Promise<void>;
  kill(): Promise<void>;
}

/** Output on stderr that is kept to explain an end. */
const STDERR_TAIL_CHARS = 4096;
/** What a process wrote before it died is still read for this long, though a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 300;
/** A process whose stdout ended is given this long to end itself. */
const HANGUP_GRACE_MS = 500;

export function createInstance(process: PluginProcess, options: InstanceOptions): Instance {
  const { label, log } = options;
  const stderr = createRingText(STDERR_TAIL_CHARS);
  const firstBeat = Promise.withResolvers<void>();
  let lastSign = performance.now();
  let beaten = false;
  /** Set when we end it ourselves: the reason that operators and callers get. */
  let ending: string | undefined;

  const transport = createStdioTransport(process, {
    codec: options.codec,
    maxLineBytes: options.maxLineBytes,
    onActivity: sign,
  });
  const sessions = createSessions(transport, {
    label,
    budgetBytes: options.budgetBytes,
    stallMs: options.stallMs,
    onHeartbeat() {
      beaten = true;
      firstBeat.resolve();
    },
    onLog: (level, message) => log[level]("Plugin log", { plugin: label, message }),
    onNoise: (text) => log.debug("Plugin output", { plugin: label, text }),
    onBackwardsCall: options.onBackwardsCall,
    describeEnd: async () => connectionClosed(await process.exited),
  });
  const drained = drainStderr();
  const watch = setInterval(checkSilence, Math.max(1000, Math.min(30_000, options.silenceMs / 4)));
  const ended = untilEnded();

  function sign(): void {
    lastSign = performance.now();
  }

  function end(why: string): void {
    ending ??= why;
    process.signal("SIGKILL");
  }

  function checkSilence(): void {
    if (options.silenceMs === 0 || !beaten || sessions.paused) {
      lastSign = performance.now();
      return;
    }
    const silentMs = performance.now() - lastSign;
    if (silentMs > options.silenceMs)
      end(`it gave no sign of life for ${Math.round(silentMs / 1000)} seconds`);
  }

  async function drainStderr(): Promise<void> {
    const splitter = createLineSplitter(options.maxLineBytes);
    const take = (parts: readonly SplitPart[]) => {
      if (parts.length > 0) sign();
      for (const part of parts) {
        const block = typeof part === "string" ? part : `${part.head}… (${part.sizeBytes} bytes)\n`;
        stderr.push(block.endsWith("\n") ? block : `${block}\n`);
        for (const line of block.split("\n"))
          if (line.trim() !== "") log.warn("Plugin stderr", { plugin: label, line });
      }
    };
    try {
      for await (const chunk of process.stderr) take(splitter.push(chunk));
      take(splitter.flush());
    } catch (cause) {
      log.debug("Plugin stderr ended", { plugin: label, cause: String(cause) });
    }
  }

  async function untilEnded(): Promise<string> {
    // Whichever comes first: the process ends, or it closes its stdout, without which it is of no use.
    await Promise.race([process.exited, transport.closed]);
    if (!(await settlesWithin(process.exited, HANGUP_GRACE_MS))) end("it closed its stdout");
    const exit = await process.exited;
    clearInterval(watch);
    await settlesWithin(Promise.all([sessions.ended, drained]), LAST_OUTPUT_MS);
    // A grandchild may hold the pipes; what it does is no concern of the sessions any more.
    process.signal("SIGKILL");
    await transport.close();
    await sessions.ended;
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
    const tail = stderr.text;
    return {
      error_type: "ConnectionClosedError",
      message: `Connection closed unexpectedly: plugin "${label}" ended while it was called, ${describeExit(exit)}`,
      args: { exit_code: exit.code, signal: exit.signal, out_of_memory: exit.outOfMemory, stderr: tail },
    };
  }

  function startFailed(why: string): DaemonError {
    const tail = stderr.text.trim();
    return new DaemonError(
      "unavailable",
      `Cannot start plugin "${label}": ${why} before its first heartbeat${tail === "" ? "" : `\n${tail}`}`,
      {
        hint: "Read its stderr above and in the log of the daemon; the plugin's own code or its dependencies failed",
      },
    );
  }

  const startTimer = setTimeout(
    () => end(`it gave no heartbeat within ${Math.round(options.startTimeoutMs / 1000)} seconds`),
    options.startTimeoutMs,
  );
  const ready = firstBeat.promise.finally(() => clearTimeout(startTimer));
  // Whoever starts the instance awaits `ready`; a stop before that must not become an unhandled rejection.
  ready.catch(() => undefined);

  return {
    pid: process.pid,
    sessions,
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
