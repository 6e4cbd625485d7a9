import type { DaemonMessage, SessionContext } from "../protocol/messages.ts";
import type { PluginError } from "../protocol/plugin-error.ts";
import type { Transport } from "../transport/transport.ts";
import { type AnswerHold, createAnswerWindow } from "./answer-window.ts";
import { type Budget, type BudgetHolder, createBudget } from "./budget.ts";
import { type CallTurn, createCallTurns } from "./call-turns.ts";
import { createOutbox } from "./outbox.ts";

/** A call of a plugin back to the platform. It belongs to its session and ends with it. */
export interface BackwardsCall {
  /** What stood in the message, unchecked; `raw` is its JSON text, digits and all. */
  readonly request: unknown;
  readonly raw: string;
  /** Aborted when the session ends, for whatever reason. */
  readonly signal: AbortSignal;
  /** To be awaited before the platform is asked. Resolves with the end of the session, too. */
  turn(): Promise<void>;
  /** What is held of the answer has to be said here. Given back when the call is over. */
  readonly hold: Pick<AnswerHold, "grow" | "shrink">;
  /**
   * Sends one `backwards_response`, `data` being its JSON text on one line. Resolves when the plugin's pipe has taken it,
   * so awaiting it makes the platform wait. Rejects once the session has ended; nothing is sent then.
   */
  reply(data: string): Promise<void>;
  /** Ends the session with this error. */
  fail(error: PluginError): void;
}

/** Answers one call; it is over when this settles. */
export type OnBackwardsCall = (call: BackwardsCall) => Promise<void>;

/** A way of its own for the answers of one call: a function calls back with a request, whose answer they are. */
export interface AnswerChannel {
  /** Resolves when the plugin's side has taken it; rejects when that is gone. */
  send(message: DaemonMessage): Promise<void>;
  /** Whoever called has left. */
  readonly signal: AbortSignal;
  /** The call is over: nothing more comes. */
  close(): void;
}

/** One call back as it came: `raw` is the JSON text of `request`. */
export interface CallBack {
  readonly request: unknown;
  readonly raw: string;
}

/** The calls back of one session. */
export interface SessionCalls extends BudgetHolder {
  /** Answers go the way of the transport, unless the call has one of its own. */
  take(call: CallBack, channel?: AnswerChannel): void;
  /** The session has ended: its calls are aborted, their answers go nowhere. */
  end(): void;
}

export interface SessionCallsOptions {
  readonly sessionId: string;
  readonly session: SessionContext;
  readonly onCall: OnBackwardsCall;
  /** Ends the session. */
  readonly fail: (error: PluginError) => void;
}

/** The calls back of all sessions of one transport. */
export interface BackwardsCalls {
  open(options: SessionCallsOptions): SessionCalls;
  /** What open calls hold of their requests. Reading has to pause while it is spent. */
  readonly budget: Budget;
}

export interface BackwardsCallsOptions {
  /** The plugin in error texts. */
  readonly label: string;
  readonly transport: Pick<Transport, "send">;
  readonly stallMs: number;
  /** Calls of the sessions that are open now. */
  readonly holders: () => Iterable<BudgetHolder>;
}

/** Requests of open calls, of all sessions of a plugin together. */
const REQUESTS_BYTES = 256 * 1024 * 1024;
/** An open call costs this much beside its request, so the limit is also one of their number: 4096. */
const CALL_BYTES = 64 * 1024;
/** Answers that the plugin has not read yet. */
const ANSWERS_BYTES = 16 * 1024 * 1024;
/** Calls under way at once, for a plugin that has not shown that it reads the answers; and for one that has. */
const CALLS_AT_FIRST = 512;
const CALLS_AT_MOST = 4096;

export function createBackwardsCalls(options: BackwardsCallsOptions): BackwardsCalls {
  const { label, transport, stallMs, holders } = options;
  const budget = createBudget({ limitBytes: REQUESTS_BYTES, stallMs, holders });
  const window = createAnswerWindow(ANSWERS_BYTES);
  const turns = createCallTurns({ atFirst: CALLS_AT_FIRST, atMost: CALLS_AT_MOST });
  const outbox = createOutbox((message) => transport.send(message));

  function open({ sessionId, session, onCall, fail }: SessionCallsOptions): SessionCalls {
    const owner = {};
    const openCalls = new Set<Pick<CallTurn, "leave">>();
    // Most sessions never call.
    let abort: AbortController | undefined;
    let ended = false;
    let heldBytes = 0;
    let count = 0;

    function take({ request, raw }: CallBack, channel?: AnswerChannel): void {
      if (ended) return channel?.close();
      abort ??= new AbortController();
      const signal = channel ? AbortSignal.any([abort.signal, channel.signal]) : abort.signal;
      const hold = window.enter();
      const turn = turns.enter();
      const waits = {
        leave() {
          hold.leave();
          turn.leave();
        },
      };
      openCalls.add(waits);
      const bytes = raw.length + CALL_BYTES;
      heldBytes += bytes;
      count++;
      budget.add(bytes);
      const call: BackwardsCall = {
        request,
        raw,
        signal,
        hold,
        turn: () => turn.take(),
        async reply(data) {
          signal.throwIfAborted();
          const message = { kind: "backwards_response", sessionId, session, data } as const;
          await (channel ? channel.send(message) : outbox.put(owner, message));
          turns.earn();
        },
        fail,
      };
      onCall(call)
        .catch((cause: unknown) =>
          fail({
            error_type: "PluginDaemonInnerError",
            message: `Cannot answer a call back: ${String(cause)}`,
          }),
        )
        .finally(() => {
          channel?.close();
          openCalls.delete(waits);
          waits.leave();
          heldBytes -= bytes;
          count--;
          budget.release(bytes);
        })
        // Nothing above throws; a promise must have a holder all the same.
        .catch(() => undefined);
    }

    return {
      take,
      get heldBytes() {
        return heldBytes;
      },
      get open() {
        return !ended;
      },
      evict() {
        fail({
          error_type: "TooManyCallsBackError",
          message:
            `Cannot hold more calls back of plugin "${label}": this call has ${count} open with ${heldBytes} bytes ` +
            `while others wait (limit ${REQUESTS_BYTES} bytes)`,
        });
      },
      end() {
        if (ended) return;
        ended = true;
        abort?.abort(new Error("Cannot go on with a call back: its session has ended"));
        if (outbox.drop(owner)) turns.distrust();
        for (const call of openCalls) call.leave();
      },
    };
  }

  return { open, budget };
}
