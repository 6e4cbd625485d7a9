import { InnerApiError } from "../dify/inner-api-error.ts";
import type { InnerApi } from "../dify/inner-api.ts";
import { describeError } from "../lib/describe-error.ts";
import { hasFragileNumber, parseExact } from "../lib/exact-json.ts";
import type { Logger } from "../lib/logger.ts";
import { passOnTrace, type TraceHeaders } from "../lib/traceparent.ts";
import { refusalOf } from "../protocol/backwards/call-permissions.ts";
import { platformCallOf } from "../protocol/backwards/catalogue.ts";
import {
  type BackwardsRequest,
  MalformedCallError,
  readBackwardsRequest,
} from "../protocol/backwards/envelope.ts";
import { type BackwardsEvent, backwardsEventText } from "../protocol/backwards/event.ts";
import {
  BackwardsReplyError,
  BackwardsRequestError,
  type PlatformCall,
  type RequestFields,
} from "../protocol/backwards/platform-call.ts";
import { readStorageRequest, type StorageRequest } from "../protocol/backwards/storage-call.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginPermission } from "../protocol/declaration.ts";
import type { BackwardsCall } from "../session/backwards.ts";
import type { CallBackOutcome } from "../store/store.ts";
import type { CallBackTrace, CallBackTracer, CallTrace, CallTracer } from "./call-trace.ts";
import type { Metrics } from "./metrics.ts";

export interface BackwardsCallsDeps {
  readonly api: InnerApi;
  readonly storage: CallStorage;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** What a call back carries to the platform; without it, what came with the request that the plugin serves. */
  readonly headersOf?: ((call: CallTrace, callBack: CallBackTrace | undefined) => TraceHeaders) | undefined;
}

/** What plugins keep. */
export interface CallStorage {
  /** Answers the `data` of the response. Rejects with a `DaemonError` whose message is what the plugin is told. */
  handle(
    caller: {
      readonly tenantId: string;
      readonly pluginId: string;
      /** `storage.size` of the manifest. */
      readonly limitBytes: number | undefined;
    },
    request: StorageRequest,
    options: {
      /** To be awaited before an answer of so many characters is made. */
      readonly room: (chars: number) => Promise<void>;
    },
  ): Promise<Readonly<Record<string, unknown>>>;
}

/** The session that calls belong to. Whose they are and what they may do is said here, never by the plugin. */
export interface CallingSession {
  readonly sessionId: string;
  readonly pluginId: string;
  readonly tenantId: string;
  /** Empty where the session has no user. */
  readonly userId: string;
  /** `tool`, `model`, …: a model may not call. */
  readonly type: string;
  /** Hears of every call. */
  readonly tracer: Pick<CallTracer, "call" | "callBack">;
}

/** The calls back of one session. */
export interface SessionBackwards {
  /** Answers one call: with responses or an error, and in any case with one end. Never rejects. */
  answer(call: BackwardsCall, permission: PluginPermission | undefined): Promise<void>;
}

/** What plugins ask of the platform while they serve a session (contract/backwards-invocation 1, 2). */
export interface BackwardsCalls {
  session(of: CallingSession): SessionBackwards;
}

/** The plugin may not, or asks for what there is not. */
class RefusedError extends Error {}

/** The plugin or its session is gone, so there is nobody to tell. */
class GoneError extends Error {}

export function createBackwardsCalls(deps: BackwardsCallsDeps): BackwardsCalls {
  const { api, metrics, log } = deps;
  /** An outage is told once, not with every call. */
  let reachable = true;

  function session(of: CallingSession): SessionBackwards {
    let passedOn: TraceHeaders | undefined;

    function headersOf({ callBack }: Pick<CallBackTracer, "callBack">): TraceHeaders {
      const { call } = of.tracer;
      if (deps.headersOf) return deps.headersOf(call, callBack);
      passedOn ??= { traceparent: passOnTrace(call.headers.traceparent) };
      return passedOn;
    }

    /** Answers what is still to be said, which goes out together with the end. */
    async function serve(
      call: BackwardsCall,
      { type, request }: BackwardsRequest,
      { say, tracer, permission }: Serving & { readonly permission: PluginPermission | undefined },
    ): Promise<readonly BackwardsEvent[]> {
      const refusal =
        of.type === "model" ? "you can not invoke dify from model" : refusalOf(type, permission);
      if (refusal !== undefined) throw new RefusedError(refusal);
      const row = platformCallOf(type);
      if (row) return askPlatform(row, { call, request, say, tracer });
      const { tenantId, pluginId, userId } = of;
      const data =
        type === "user_info"
          ? { user_id: userId }
          : await deps.storage.handle(
              { tenantId, pluginId, limitBytes: permission?.storage?.size },
              readStorageRequest(request),
              { room: roomOf(call) },
            );
      tracer.firstByte();
      return [{ event: "response", message: "struct", data: JSON.stringify(data) }];
    }

    async function askPlatform(
      row: PlatformCall,
      { call, request, say, tracer }: Serving & { readonly call: BackwardsCall; readonly request: unknown },
    ): Promise<readonly BackwardsEvent[]> {
      const body = row.prepare(fieldsOf(call, request), of);
      await call.turn();
      const options = {
        signal: call.signal,
        hold: call.hold,
        ...headersOf(tracer),
        onHead: () => tracer.firstByte(),
      };
      const last: BackwardsEvent[] = [];
      if (row.streams)
        for await (const { value, raw } of api.stream(row.path, body, options))
          await say({ event: "response", message: "stream", data: row.decode(value, raw) });
      else {
        const { value, raw } = await api.call(row.path, body, options);
        last.push({ event: "response", message: "struct", data: row.decode(value, raw) });
      }
      if (!reachable) log.info("The platform answers again");
      reachable = true;
      return last;
    }

    /** The error that the plugin gets, where it gets one. */
    function explain(cause: unknown, type: string): string {
      const prefix = platformCallOf(type)?.prefix;
      if (cause instanceof InnerApiError)
        return `${cause.phase === "opening" ? prefix?.invoke : prefix?.read}: ${cause.message}`;
      if (cause instanceof BackwardsReplyError) return `${prefix?.read}: ${cause.message}`;
      const isTold =
        cause instanceof RefusedError ||
        cause instanceof BackwardsRequestError ||
        cause instanceof DaemonError;
      return isTold ? cause.message : `Cannot serve a call back: ${describeError(cause)}`;
    }

    /** From here on it is counted; answers how to say that it is over. */
    function begin(type: string, requestBytes: number): Counted {
      const began = performance.now();
      const tracer = of.tracer.callBack({ type, requestBytes });
      return {
        tracer,
        end(outcome, responseBytes) {
          tracer.end(outcome, responseBytes);
          metrics.callsBack.inc({ plugin_id: of.pluginId, type, outcome });
          metrics.callBackSeconds.observe({ type, outcome }, (performance.now() - began) / 1000);
          metrics.callBackBytes.inc({ type, direction: "request" }, requestBytes);
          metrics.callBackBytes.inc({ type, direction: "response" }, responseBytes);
        },
      };
    }

    function tell(cause: unknown, type: string): void {
      const attributes = { plugin: of.pluginId, session: of.sessionId, type, error: describeError(cause) };
      if (!(cause instanceof InnerApiError) || cause.kind === "answered") {
        log.debug("A call back failed", attributes);
      } else if (cause.kind === "unreachable") {
        if (reachable) log.warn("Cannot reach the platform", attributes);
        reachable = false;
      } else log.info("The platform failed a call back", attributes);
    }

    return {
      async answer(call, permission) {
        let asked: BackwardsRequest;
        try {
          asked = readBackwardsRequest(call.request);
        } catch (cause) {
          const detail = cause instanceof MalformedCallError ? cause.message : describeError(cause);
          call.fail({ error_type: "invoke_dify_error", message: `invoke dify failed: ${detail}` });
          begin(UNKNOWN, call.raw.length).end("refused", 0);
          return;
        }
        const counted = begin(knownType(asked.type), call.raw.length);
        const said = { bytes: 0 };
        const say = sayTo(call, asked.requestId, said);
        let outcome: CallBackOutcome = "success";
        try {
          let last: readonly BackwardsEvent[];
          try {
            last = await serve(call, asked, { say, tracer: counted.tracer, permission });
          } catch (cause) {
            if (cause instanceof GoneError || call.signal.aborted) throw cause;
            outcome = isRefusal(cause) ? "refused" : "error";
            tell(cause, asked.type);
            last = [{ event: "error", message: explain(cause, asked.type) }];
          }
          await say(...last, { event: "end" });
        } catch {
          outcome = "cancelled";
        }
        counted.end(outcome, said.bytes);
      },
    };
  }

  return { session };
}

type Say = (...events: readonly BackwardsEvent[]) => Promise<unknown>;

/** One call that is being answered. */
interface Serving {
  readonly say: Say;
  readonly tracer: Pick<CallBackTracer, "callBack" | "firstByte">;
}

interface Counted {
  readonly tracer: CallBackTracer;
  end(outcome: CallBackOutcome, responseBytes: number): void;
}

const UNKNOWN = "unknown";

/** A plugin may write anything there, and what it writes becomes a label. */
function knownType(type: string): string {
  return type === "storage" || type === "user_info" || platformCallOf(type) !== undefined ? type : UNKNOWN;
}

function sayTo(call: BackwardsCall, requestId: string, said: { bytes: number }): Say {
  return async (...events) => {
    try {
      for (const event of events) if (event.event === "response") said.bytes += event.data.length;
      await Promise.all(events.map((event) => call.reply(backwardsEventText(requestId, event))));
    } catch (cause) {
      throw new GoneError("The plugin is gone", { cause });
    }
  };
}

/** Rejects when the session has ended meanwhile: nobody wants the answer any more. */
function roomOf({ hold, signal }: BackwardsCall): (chars: number) => Promise<void> {
  return async (chars) => {
    await hold.grow(chars);
    if (signal.aborted) throw new DaemonError("unavailable", "The session has ended");
  };
}

function isRefusal(cause: unknown): boolean {
  return cause instanceof RefusedError || cause instanceof BackwardsRequestError;
}

/** Digits that a number cannot hold are kept as the plugin wrote them. */
function fieldsOf(call: BackwardsCall, request: unknown): RequestFields {
  if (!hasFragileNumber(call.raw)) return { value: request, exact: request };
  try {
    const { exact } = parseExact(call.raw);
    const inner = typeof exact === "object" && exact !== null && "request" in exact ? exact.request : request;
    return { value: request, exact: inner };
  } catch (cause) {
    throw new BackwardsRequestError(describeError(cause), { cause });
  }
}
