import { describeError } from "../lib/describe-error.ts";
import type { Logger } from "../lib/logger.ts";
import type { FunctionUsage } from "../protocol/invocation.ts";
import type { TraceHeaders } from "../lib/traceparent.ts";
import type { CallBackOutcome, RuntimeType, SessionOutcome } from "../store/store.ts";

/** How a call ended; `not_opened` is one that no plugin has seen. */
export type CallOutcome = SessionOutcome | "not_opened";

/**
 * One call of a plugin from its beginning to its end. Times are milliseconds since `beganAt`, with fractions.
 *
 * It lives: observers see the same object grow, and copy what they want to keep of a moment.
 */
export interface CallTrace extends NewCall {
  /** Milliseconds since the epoch. */
  readonly beganAt: number;
  /** The plugin had the request: what came before is the start of the plugin, or the wait for room. */
  readonly sentMs: number | undefined;
  /** The plugin's first item. */
  readonly firstItemMs: number | undefined;
  readonly endMs: number | undefined;
  /** Items of the plugin, and the characters of their texts. */
  readonly delivered: { readonly items: number; readonly bytes: number };
  readonly outcome: CallOutcome | undefined;
  /** The plugin's word for what went wrong, or the daemon's code. */
  readonly errorType: string | undefined;
  readonly callsBack: CallsBackTrace;
  /** What the function that served it says of its own effort; undefined before it has, and for processes. */
  readonly usage: FunctionUsage | undefined;
}

/** What is known of a call when it begins. Until it is sent, an upgrade may still move it to another identifier. */
export interface NewCall {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** `tool`, `model`, … */
  readonly type: string;
  /** `invoke_tool`, … */
  readonly action: string;
  /** Characters of the request's body. */
  readonly requestBytes: number;
  /** What came with the request, unchecked. */
  readonly headers: TraceHeaders;
}

/** The calls of a plugin back to the platform within one call. */
export interface CallsBackTrace {
  readonly total: number;
  /** Of these, the ones that ended with `error` or `refused`. */
  readonly failed: number;
  /** The first ones, at most `MAX_DETAILED`; the others are only counted, and no observer hears of them. */
  readonly detailed: readonly CallBackTrace[];
}

/** One call back. Times are milliseconds since its call began. */
export interface CallBackTrace {
  /** `llm`, `storage`, …; `unknown` where the plugin named none that there is. */
  readonly type: string;
  readonly beganMs: number;
  /** The head of the platform's answer. */
  readonly firstByteMs: number | undefined;
  readonly endMs: number | undefined;
  /** Characters of the plugin's message. */
  readonly requestBytes: number;
  /** Characters of what the plugin was answered, known at the end. */
  readonly responseBytes: number;
  readonly outcome: CallBackOutcome | undefined;
}

/** `call_ended` is the last of a call, and every `call_back_began` has its `call_back_ended` before it. */
export type CallEvent =
  | {
      readonly kind: "call_began" | "call_sent" | "first_item" | "call_ended";
      readonly call: CallTrace;
    }
  | {
      readonly kind: "call_back_began" | "call_back_ended";
      readonly call: CallTrace;
      readonly callBack: CallBackTrace;
    };

/** Called in the middle of a call: it must be quick. One that throws is heard no more. */
export type CallObserver = (event: CallEvent) => void;

/** Where calls are fed into their traces. */
export interface CallTracer {
  readonly call: CallTrace;
  /** The plugin has the request. `to` is who it went to in the end, `delivered` grows with the answer. */
  sent(to: Pick<NewCall, "identifier" | "runtimeType">, delivered: CallTrace["delivered"]): void;
  firstItem(): void;
  used(usage: FunctionUsage): void;
  callBack(of: Pick<CallBackTrace, "type" | "requestBytes">): CallBackTracer;
  /** The first end counts. Calls back that are open end with it, as `cancelled`. */
  end(outcome: CallOutcome, errorType?: string): void;
}

export interface CallBackTracer {
  /** Undefined beyond `MAX_DETAILED`. */
  readonly callBack: CallBackTrace | undefined;
  /** The first one counts. */
  firstByte(): void;
  /** The first one counts. */
  end(outcome: CallBackOutcome, responseBytes: number): void;
}

/** The traces of all calls, and those who watch them. */
export interface CallTraces {
  begin(call: NewCall): CallTracer;
  /** From the next event on, of all calls. Answers how to stop. */
  observe(observer: CallObserver): () => void;
}

/** Calls back of one call of which details are kept. */
export const MAX_DETAILED = 1000;
/** An error type is a plugin's own text. */
const MAX_ERROR_TYPE = 200;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function createCallTraces({ log }: { readonly log: Logger }): CallTraces {
  // Replaced, never changed: an observer may leave while one is called.
  let observers: readonly CallObserver[] = [];

  function emit(event: CallEvent): void {
    for (const observer of observers)
      try {
        observer(event);
      } catch (cause) {
        log.error("An observer of calls failed and is left out", { error: describeError(cause) });
        leave(observer);
      }
  }

  function leave(observer: CallObserver): void {
    observers = observers.filter((one) => one !== observer);
  }

  function begin(of: NewCall): CallTracer {
    const began = performance.now();
    const sinceBegan = () => performance.now() - began;
    const detailed: Mutable<CallBackTrace>[] = [];
    const callsBack = { total: 0, failed: 0, detailed };
    const call: Mutable<CallTrace> = {
      ...of,
      beganAt: Date.now(),
      sentMs: undefined,
      firstItemMs: undefined,
      endMs: undefined,
      delivered: { items: 0, bytes: 0 },
      outcome: undefined,
      errorType: undefined,
      callsBack,
      usage: undefined,
    };

    // Nobody watches most of the time, and then no event is made.
    function tell(kind: Exclude<CallEvent["kind"], "call_back_began" | "call_back_ended">): void {
      if (observers.length > 0) emit({ kind, call });
    }

    function tellCallBack(kind: "call_back_began" | "call_back_ended", callBack: CallBackTrace): void {
      if (observers.length > 0) emit({ kind, call, callBack });
    }

    function endCallBack(callBack: Mutable<CallBackTrace>, outcome: CallBackOutcome, bytes: number): void {
      callBack.outcome = outcome;
      callBack.endMs = sinceBegan();
      callBack.responseBytes = bytes;
      tellCallBack("call_back_ended", callBack);
    }

    tell("call_began");
    return {
      call,
      sent(to, delivered) {
        call.identifier = to.identifier;
        call.runtimeType = to.runtimeType;
        call.delivered = delivered;
        // What a quick plugin did with the request may be known before the request is known to be taken.
        call.sentMs = Math.min(sinceBegan(), call.firstItemMs ?? Infinity, detailed[0]?.beganMs ?? Infinity);
        tell("call_sent");
      },
      firstItem() {
        call.firstItemMs = sinceBegan();
        tell("first_item");
      },
      used(usage) {
        call.usage = usage;
      },
      callBack({ type, requestBytes }) {
        callsBack.total++;
        let callBack: Mutable<CallBackTrace> | undefined;
        if (detailed.length < MAX_DETAILED) {
          callBack = {
            type,
            beganMs: sinceBegan(),
            firstByteMs: undefined,
            endMs: undefined,
            requestBytes,
            responseBytes: 0,
            outcome: undefined,
          };
          detailed.push(callBack);
          tellCallBack("call_back_began", callBack);
        }
        let open = true;
        return {
          callBack,
          firstByte() {
            if (callBack && callBack.endMs === undefined) callBack.firstByteMs ??= sinceBegan();
          },
          end(outcome, responseBytes) {
            if (!open) return;
            open = false;
            if (outcome === "error" || outcome === "refused") callsBack.failed++;
            if (callBack && callBack.outcome === undefined) endCallBack(callBack, outcome, responseBytes);
          },
        };
      },
      end(outcome, errorType) {
        if (call.outcome !== undefined) return;
        for (const callBack of detailed)
          if (callBack.outcome === undefined) endCallBack(callBack, "cancelled", callBack.responseBytes);
        call.outcome = outcome;
        call.errorType = errorType?.slice(0, MAX_ERROR_TYPE);
        call.endMs = sinceBegan();
        tell("call_ended");
      },
    };
  }

  return {
    begin,
    observe(observer) {
      // The same function may watch twice.
      const own: CallObserver = (event) => observer(event);
      observers = [...observers, own];
      return () => leave(own);
    },
  };
}
