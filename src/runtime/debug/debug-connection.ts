import type { Logger } from "../../lib/logger.ts";
import type { Breakpoint, Codec, Reload } from "../../protocol/messages.ts";
import type { Runner } from "../../protocol/runner.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import { createSessions, type Sessions } from "../../session/sessions.ts";
import { createLineTransport } from "../../transport/line-transport.ts";
import type { TcpChannel } from "../../transport/tcp.ts";
import { createHeartbeatAsks, type HeartbeatAsks } from "../heartbeat-asks.ts";
import { PLUGIN_LINES } from "../plugin-lines.ts";
import { createSilenceWatch } from "../silence-watch.ts";

/** Of every debugging connection. Times in milliseconds, sizes in bytes. */
export interface DebugConnectionSettings {
  readonly maxLineBytes: number;
  readonly budgetBytes: number;
  readonly stallMs: number;
  /** Without a sign of life for so long it is closed; 0 means never. */
  readonly silenceMs: number;
}

export interface DebugConnectionOptions extends DebugConnectionSettings {
  /** The plugin in texts: `author/name:version`. */
  readonly plugin: string;
  readonly codec: Codec;
  readonly liveness: Runner["liveness"];
  readonly log: Logger;
  readonly onBreakpoint: (breakpoint: Breakpoint) => void;
  readonly onReload: (reload: Reload) => void;
}

/** A registered connection with the sessions that run over it. */
export interface DebugConnection {
  /** Name for logs, such as `tcp:10.0.0.7:52114`. */
  readonly label: string;
  readonly sessions: Sessions;
  /** Its dialect knows `continue` and `reload`. */
  readonly canBeTold: boolean;
  /** From now on its client is asked for signs of life, where its dialect lets the daemon ask. Once, after what greets it. */
  attend(): void;
  /** Resolves when the connection is gone and every call with it: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  close(why: string): Promise<void>;
}

/** Silence is looked for at least this often, and no more often than once a second. */
const MAX_CHECK_MS = 30_000;
/** Where the dialect lets the daemon ask (contract/plain-protocol 3). */
const HEARTBEAT = { everyMs: 10_000, withinMs: 5_000 };
/** To the letter: clients match it (contract/plugin-wire 2.7). */
const CONNECTION_CLOSED: PluginError = {
  error_type: "ConnectionClosedError",
  message: "Connection closed unexpectedly",
  args: {},
};

/** Starts reading at once. Any byte is a sign of life; the reference counts heartbeats only, every ten seconds from the SDK. */
export function createDebugConnection(channel: TcpChannel, options: DebugConnectionOptions): DebugConnection {
  const { plugin, log, liveness } = options;
  // Who never beats may be silent for as long as nobody calls.
  const silenceMs = liveness === "none" ? 0 : options.silenceMs;
  const checkMs = Math.max(1000, Math.min(MAX_CHECK_MS, silenceMs / 4));
  const silence = createSilenceWatch({ checkMs, now: () => performance.now() });
  /** Set when we end it ourselves. */
  let ending: string | undefined;
  const transport = createLineTransport(channel, {
    codec: options.codec,
    maxLineBytes: options.maxLineBytes,
    onActivity: () => silence.sign(),
  });
  const sessions = createSessions(transport, {
    label: plugin,
    budgetBytes: options.budgetBytes,
    stallMs: options.stallMs,
    onHeartbeat: () => asks?.answered(),
    onLog: (level, message) => log[level](PLUGIN_LINES.log, { plugin, message }),
    onBreakpoint: options.onBreakpoint,
    onReload: options.onReload,
    onNoise: (text) => log.debug(PLUGIN_LINES.output, { plugin, text }),
    describeEnd: () => Promise.resolve(CONNECTION_CLOSED),
  });

  let asks: HeartbeatAsks | undefined;

  function askForHeartbeats(): HeartbeatAsks {
    return createHeartbeatAsks({
      ...HEARTBEAT,
      // An answer has to be in time for the rule of silence, too.
      everyMs: silenceMs === 0 ? HEARTBEAT.everyMs : Math.min(HEARTBEAT.everyMs, silenceMs / 3),
      now: () => performance.now(),
      // Where it can no longer be asked its end is told by the transport.
      ask: () => transport.send({ kind: "heartbeat" }).catch(() => undefined),
      isDeaf: () => sessions.paused,
      onMissed: () => log.warn("Plugin missed a heartbeat", { plugin, limit_s: HEARTBEAT.withinMs / 1000 }),
      onDead: () => void close("it missed two heartbeats in a row"),
    });
  }

  async function close(why: string): Promise<void> {
    ending ??= why;
    await transport.close();
  }

  function checkSilence(): void {
    // A plugin that is not read cannot be heard.
    if (sessions.paused) silence.sign();
    if (silence.check() <= silenceMs) return;
    close(`it gave no sign of life for ${Math.round(silenceMs / 1000)} seconds`).catch(() => undefined);
  }

  async function untilEnded(): Promise<string> {
    const watch = silenceMs === 0 ? undefined : setInterval(checkSilence, checkMs);
    // A reader that waits for room must not hold up the end of calls whose client is gone.
    void channel.gone.then(() => transport.close());
    const reason = await sessions.ended;
    clearInterval(watch);
    asks?.close();
    await channel.close();
    if (reason.kind === "broken") return reason.cause.message;
    return ending ?? "the client hung up";
  }

  return {
    label: channel.label,
    sessions,
    canBeTold: options.codec.name === "plain",
    attend() {
      if (liveness === "asked" && ending === undefined) asks ??= askForHeartbeats();
    },
    ended: untilEnded(),
    close,
  };
}
