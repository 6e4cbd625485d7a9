import type { Breakpoint, LogLevel, PluginEvent, Reload, SessionContext } from "../protocol/messages.ts";
import type { PluginError } from "../protocol/plugin-error.ts";
import type { CloseReason, Transport } from "../transport/transport.ts";
import {
  type AnswerChannel,
  type CallBack,
  createBackwardsCalls,
  type OnBackwardsCall,
  type SessionCalls,
} from "./backwards.ts";
import { createBudget } from "./budget.ts";
import type { Invocation, ItemDecoder } from "../protocol/invocation.ts";
import { createSession, type Session } from "./session.ts";

/** One request, ready for the wire. */
export interface OpenSession {
  readonly sessionId: string;
  readonly session: SessionContext;
  readonly data: Readonly<Record<string, unknown>>;
  readonly decodeItem: ItemDecoder;
  /** Called once, when the plugin's first item is there. */
  readonly onFirstItem?: () => void;
  readonly onBackwardsCall: OnBackwardsCall;
  readonly timeoutMs: number;
}

export interface SessionsOptions {
  /** The plugin in error texts, such as `author/name:0.0.1`. */
  readonly label: string;
  readonly budgetBytes: number;
  readonly stallMs: number;
  readonly onHeartbeat: () => void;
  readonly onLog: (level: LogLevel, message: string, timestamp?: string) => void;
  /** Somebody looks at it, and can let it go on: the limit in time of its call rests meanwhile. Default: noise. */
  readonly onBreakpoint?: (breakpoint: Breakpoint) => void;
  /** Default: noise. */
  readonly onReload?: (reload: Reload) => void;
  /** Output that is no message: data for the plugin's owner. */
  readonly onNoise: (text: string) => void;
  /** The error with which open calls end when the transport does. */
  readonly describeEnd: (reason: CloseReason) => Promise<PluginError>;
}

/** All sessions of one transport: correlates messages with calls, in both directions. */
export interface Sessions {
  /**
   * Resolves when the plugin has the request, or when the call has ended before. The signal is the consumer's leaving: it
   * cancels the call at any moment. Rejects with `TransportClosedError` (nothing was executed then), or with the signal.
   */
  open(request: OpenSession, signal: AbortSignal): Promise<Invocation>;
  /** A call back that came by another way, and is answered by it. False when the session has ended: nothing is sent then. */
  callBack(sessionId: string, call: CallBack & { readonly channel: AnswerChannel }): boolean;
  readonly count: number;
  /** Tells a plugin that stands at a breakpoint to go on; time counts again. Rejects with `TransportClosedError`. */
  resume(): Promise<void>;
  /** Asks for a hot reload. Rejects with `TransportClosedError`. */
  reload(): Promise<void>;
  /** Limits in time rest: that of one session, or those of all. */
  pauseLimits(sessionId: string | undefined): void;
  resumeLimits(): void;
  /** Reading is paused for back-pressure, or a call stands at a breakpoint, so silence of the plugin means nothing. */
  readonly paused: boolean;
  /** Resolves when no session is open. What their clients have not taken yet is not waited for. */
  whenIdle(): Promise<void>;
  /** Resolves when the transport has ended and every session with it. Never rejects. */
  readonly ended: Promise<CloseReason>;
}

/** Starts reading at once. */
export function createSessions(transport: Transport, options: SessionsOptions): Sessions {
  const open = new Map<string, Session>();
  /** The open ones, and those that have ended while their clients have not taken everything. */
  const holders = new Set<Session>();
  const calls = new Map<string, SessionCalls>();
  let idleWaiters: (() => void)[] = [];
  const budget = createBudget({
    limitBytes: options.budgetBytes,
    stallMs: options.stallMs,
    holders: () => holders,
  });
  const backwards = createBackwardsCalls({
    label: options.label,
    transport,
    stallMs: options.stallMs,
    holders: () => calls.values(),
  });

  function forget(sessionId: string): void {
    open.delete(sessionId);
    calls.get(sessionId)?.end();
    calls.delete(sessionId);
    if (open.size > 0) return;
    for (const wake of idleWaiters) wake();
    idleWaiters = [];
  }

  function handle(event: PluginEvent): void {
    switch (event.kind) {
      case "item":
        open.get(event.sessionId)?.deliver(event.value, event.raw);
        return;
      case "end":
        open.get(event.sessionId)?.end({ kind: "completed" });
        return;
      case "error":
      case "broken":
        open.get(event.sessionId)?.end({ kind: "plugin_error", error: event.error });
        return;
      case "oversize":
        endOversize(event);
        return;
      case "invoke":
        // A call of a session that has ended goes nowhere.
        calls.get(event.sessionId)?.take(event);
        return;
      case "heartbeat":
        options.onHeartbeat();
        return;
      case "log":
        options.onLog(event.level, event.message, event.timestamp);
        return;
      case "breakpoint":
        if (!options.onBreakpoint) return options.onNoise(`breakpoint at ${event.file}:${event.line}`);
        pauseLimits(event.sessionId);
        options.onBreakpoint(event);
        return;
      case "reload":
        if (options.onReload) options.onReload(event);
        else options.onNoise(`reload: ${event.status} ${event.message}`);
        return;
      case "noise":
        options.onNoise(event.text);
        return;
    }
  }

  /** Whoever looks at variables is not hurried; without an id it may be any of them that stands still. */
  function pauseLimits(sessionId: string | undefined): void {
    const stopped = sessionId === undefined ? open.values() : [open.get(sessionId)];
    for (const session of stopped) session?.pauseLimit();
  }

  function resumeLimits(): void {
    for (const session of open.values()) session.resumeLimit();
  }

  function endOversize(event: Extract<PluginEvent, { kind: "oversize" }>): void {
    const message =
      `Cannot pass on a message of ${event.sizeBytes} bytes from plugin "${options.label}": ` +
      `the limit is ${event.limitBytes} bytes (PLUGIN_RUNTIME_MAX_BUFFER_SIZE)`;
    options.onNoise(message);
    // Its beginning tells whose it was; a lone session cannot be confused with another.
    const [only] = open.size === 1 ? open.values() : [];
    const session = event.sessionId === undefined ? only : open.get(event.sessionId);
    session?.end({
      kind: "plugin_error",
      error: {
        error_type: "PluginMessageTooLargeError",
        message,
        args: { size_bytes: event.sizeBytes, limit_bytes: event.limitBytes },
      },
    });
  }

  /** Never throws: what breaks the reading ends the transport, whose end is always told. */
  async function read(): Promise<CloseReason> {
    try {
      for await (const batch of transport.incoming) {
        for (const event of batch) handle(event);
        if (budget.spent) await budget.room();
        if (backwards.budget.spent) await backwards.budget.room();
      }
    } catch (cause) {
      await transport.close();
      return { kind: "broken", cause: cause instanceof Error ? cause : new Error(String(cause)) };
    }
    return transport.closed;
  }

  async function run(): Promise<CloseReason> {
    const reason = await read();
    if (open.size > 0) {
      const error = await options.describeEnd(reason);
      for (const session of open.values()) session.end({ kind: "connection_closed", error });
    }
    closeBudgets();
    return reason;
  }

  function closeBudgets(): void {
    budget.close();
    backwards.budget.close();
  }

  const ended = run();
  // A spent budget must not hold up the end: whoever closed the transport wants no more of it than was read.
  void transport.closed.then(closeBudgets);

  function createOpen(request: OpenSession, signal: AbortSignal): Session {
    const { sessionId } = request;
    const onAbort = () => session.invocation.cancel();
    const session = createSession({
      sessionId,
      decodeItem: request.decodeItem,
      budget,
      timeoutMs: request.timeoutMs,
      onFirstItem: request.onFirstItem,
      evictionError: (heldBytes) => ({
        error_type: "SlowConsumerError",
        message:
          `Cannot hold more answers of plugin "${options.label}": this call's client left ${heldBytes} bytes unread ` +
          `while others waited (limit ${options.budgetBytes} bytes, PLUGD_PLUGIN_BUFFER_BYTES)`,
        args: { held_bytes: heldBytes, limit_bytes: options.budgetBytes },
      }),
      onEnd: (end) => {
        forget(sessionId);
        if (end.kind === "cancelled" || end.kind === "timeout" || end.kind === "overflow")
          tellCancelled(sessionId);
      },
      onReleased: () => {
        holders.delete(session);
        signal.removeEventListener("abort", onAbort);
      },
    });
    open.set(sessionId, session);
    holders.add(session);
    calls.set(
      sessionId,
      backwards.open({
        sessionId,
        session: request.session,
        onCall: request.onBackwardsCall,
        fail: (error) => session.end({ kind: "plugin_error", error }),
      }),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    return session;
  }

  return {
    async open(request, signal) {
      signal.throwIfAborted();
      const { sessionId, data } = request;
      const session = createOpen(request, signal);
      const { invocation } = session;
      const message = { kind: "request", sessionId, session: request.session, data } as const;
      const sent = transport.send(message, signal);
      try {
        // A plugin that does not read its requests must hold neither a client that leaves nor a call whose time is over.
        const end = await Promise.race([sent, invocation.ended]);
        // Whether the plugin had the request decides whether another one may get it.
        if (end?.kind === "connection_closed") await sent;
      } catch (cause) {
        invocation.cancel();
        throw cause;
      }
      signal.throwIfAborted();
      return invocation;
    },
    callBack(sessionId, { channel, ...call }) {
      const own = calls.get(sessionId);
      own?.take(call, channel);
      return own !== undefined;
    },
    get count() {
      return open.size;
    },
    async resume() {
      await transport.send({ kind: "continue" });
      resumeLimits();
    },
    reload: () => transport.send({ kind: "reload" }),
    pauseLimits,
    resumeLimits,
    get paused() {
      if (budget.paused || backwards.budget.paused) return true;
      for (const session of open.values()) if (session.limitPaused) return true;
      return false;
    },
    whenIdle() {
      if (open.size === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
    ended,
  };

  function tellCancelled(sessionId: string): void {
    // Where the dialect has no cancel this sends nothing; where the transport is gone there is nobody to tell.
    transport.send({ kind: "cancel", sessionId }).catch(() => undefined);
  }
}
