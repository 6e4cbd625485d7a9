import type { Logger } from "../../lib/logger.ts";
import type { Breakpoint, Codec, Reload } from "../../protocol/messages.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import { createSessions, type Sessions } from "../../session/sessions.ts";
import { createLineTransport } from "../../transport/line-transport.ts";
import type { TcpChannel } from "../../transport/tcp.ts";
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
  readonly log: Logger;
  readonly onBreakpoint: (breakpoint: Breakpoint) => void;
  readonly onReload: (reload: Reload) => void;
  /** Its dialect lets the daemon ask for signs of life, and the plugin answers; false where it gives them by itself. */
  readonly asks: boolean;
}

/** A registered connection with the sessions that run over it. */
export interface DebugConnection {
  /** Name for logs, such as `tcp:10.0.0.7:52114`. */
  readonly label: string;
  readonly sessions: Sessions;
  /** Its dialect knows `continue` and `reload`. */
  readonly canBeTold: boolean;
  /** Resolves when the connection is gone and every call with it: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  close(why: string): Promise<void>;
}

/** Silence is looked for at least this often, and no more often than once a second. */
const MAX_CHECK_MS = 30_000;
const ASK_MS = 10_000;
/** To the letter: clients match it (contract/plugin-wire 2.7). */
const CONNECTION_CLOSED: PluginError = {
  error_type: "ConnectionClosedError",
  message: "Connection closed unexpectedly",
  args: {},
};

/** Starts reading at once. Any byte is a sign of life; the reference counts heartbeats only, every ten seconds from the SDK. */
export function createDebugConnection(channel: TcpChannel, options: DebugConnectionOptions): DebugConnection {
  const { plugin, log, silenceMs } = options;
  const checkMs = Math.max(1000, Math.min(MAX_CHECK_MS, silenceMs / 4));
  const askMs = silenceMs === 0 ? ASK_MS : Math.min(ASK_MS, silenceMs / 3);
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
    onHeartbeat: () => undefined,
    onLog: (level, message) => log[level](PLUGIN_LINES.log, { plugin, message }),
    onBreakpoint: options.onBreakpoint,
    onReload: options.onReload,
    onNoise: (text) => log.debug(PLUGIN_LINES.output, { plugin, text }),
    describeEnd: () => Promise.resolve(CONNECTION_CLOSED),
  });

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
    // Any answer is a sign of life; one that is missing shows as silence.
    const asks = options.asks
      ? setInterval(() => void transport.send({ kind: "heartbeat" }).catch(() => undefined), askMs)
      : undefined;
    // A reader that waits for room must not hold up the end of calls whose client is gone.
    void channel.gone.then(() => transport.close());
    const reason = await sessions.ended;
    clearInterval(watch);
    clearInterval(asks);
    await channel.close();
    if (reason.kind === "broken") return reason.cause.message;
    return ending ?? "the client hung up";
  }

  return {
    label: channel.label,
    sessions,
    canBeTold: options.codec.name === "plain",
    ended: untilEnded(),
    close,
  };
}
