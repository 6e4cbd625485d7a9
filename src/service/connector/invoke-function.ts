import { describeError, errorMessage } from "../../lib/describe-error.ts";
import { settlesWithin } from "../../lib/deadline.ts";
import type { Logger } from "../../lib/logger.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { SIGNATURE_HEADER, TIMESTAMP_HEADER } from "../../protocol/serverless/signature.ts";
import type { CallSignatures } from "./call-signature.ts";
import type { FunctionCall } from "./function-instance.ts";
import type { Functions, OpenFunction } from "./functions.ts";
import type { Lease } from "./instance-pool.ts";
import { signResponse } from "./sign-response.ts";

export interface IncomingCall extends FunctionCall {
  readonly functionId: string;
  readonly signature: string | null;
  readonly stamp: { readonly timestamp: string; readonly stamp: string } | undefined;
  /** Of this request, in errors and logs. */
  readonly requestId: string;
}

export interface InvokeFunctionDeps {
  readonly functions: Pick<Functions, "find">;
  readonly signatures: CallSignatures;
  /** Of functions whose launch gave none of their own; undefined: their calls need no signature. */
  readonly secret: string | undefined;
  /** Limit of a call, its wait included, in milliseconds. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/**
 * Answers one call of a function, starting an instance if need be. Rejects with a `DaemonError` while nothing of the
 * answer was passed on; after that, a failure is the last line of the body, in the form of AWS Lambda
 * (contract/plugin-wire 3.4). The signal is the client's leaving.
 */
export type InvokeFunction = (call: IncomingCall, signal: AbortSignal) => Promise<Response>;

const PASSED_HEADERS = ["content-type", "cache-control", SIGNATURE_HEADER, TIMESTAMP_HEADER] as const;
/** After a broken answer the end of its process is awaited this long, for its reason. */
const LAST_WORDS_MS = 1000;

export function createInvokeFunction(deps: InvokeFunctionDeps): InvokeFunction {
  const { functions, signatures, timeoutMs, log } = deps;

  return async (call, signal) => {
    const opened = functions.find(call.functionId);
    if (!opened) throw new DaemonError("not_found", "Cannot find the function");
    const secret = opened.record.signature_secret ?? deps.secret;
    const signed =
      secret === undefined
        ? undefined
        : signatures.admit({ ...call, secret, needsStamp: opened.record.signature_secret !== undefined });
    const limit = startLimit(timeoutMs, signal);
    try {
      return await answer({ call, opened, limit, secret, log });
    } catch (cause) {
      signed?.forget();
      limit.stop();
      throw cause;
    }
  };
}

/** Aborts when the time is over or the client has left; `why` tells which. */
interface Limit {
  readonly signal: AbortSignal;
  readonly why: "time" | "client" | undefined;
  readonly timeoutMs: number;
  stop(): void;
}

function startLimit(timeoutMs: number, client: AbortSignal): Limit {
  const time = new AbortController();
  const timer = setTimeout(() => time.abort(), timeoutMs);
  return {
    signal: AbortSignal.any([client, time.signal]),
    get why() {
      if (time.signal.aborted) return "time";
      return client.aborted ? "client" : undefined;
    },
    timeoutMs,
    stop: () => clearTimeout(timer),
  };
}

interface Answering {
  readonly call: IncomingCall;
  readonly opened: OpenFunction;
  readonly limit: Limit;
  readonly secret: string | undefined;
  readonly log: Logger;
}

async function answer(work: Answering): Promise<Response> {
  const { call, opened, limit } = work;
  const began = performance.now();
  let lease: Lease;
  try {
    lease = await opened.pool.acquire(limit.signal);
  } catch (cause) {
    if (limit.why === "time") throw timedOut(limit, cause);
    throw cause;
  }
  const waitedMs = Math.round(performance.now() - began);
  // Ends the request when its answer is over for whatever reason.
  const over = new AbortController();
  let response: Response;
  try {
    response = await lease.instance.call(call, AbortSignal.any([limit.signal, over.signal]));
    const { secret } = work;
    if (secret !== undefined && lease.instance.form === "plain")
      response = await signResponse(response, { secret, sessionId: call.sessionId, now: new Date() });
  } catch (cause) {
    const failure = await failureOf(cause, lease, work);
    lease.release({ suspect: isSuspect(lease, limit.why) });
    throw failure;
  }
  let isDone = false;
  const done = (left = false) => {
    if (isDone) return;
    isDone = true;
    const why = left ? "client" : limit.why;
    over.abort();
    limit.stop();
    lease.release({ suspect: isSuspect(lease, why) });
    const tookMs = Math.round(performance.now() - began);
    work.log.info("Call answered", {
      function: opened.record.name,
      action: call.action,
      instance: lease.instance.number,
      request_id: call.requestId,
      status: response.status,
      waited_ms: waitedMs,
      took_ms: tookMs,
      ...(why !== undefined && { ended_by: why }),
    });
  };
  // A client that neither reads nor leaves must not keep its place beyond the limit.
  limit.signal.addEventListener("abort", () => done(), { once: true });
  // A proxy in between must not collect what is streamed.
  const headers = new Headers({ "x-amzn-requestid": call.requestId, "x-accel-buffering": "no" });
  for (const name of PASSED_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const init = { status: response.status, headers };
  if (response.body === null) {
    done();
    return new Response(null, init);
  }
  return new Response(relay(response.body, { work, lease, done }), init);
}

/** The body as it comes, at the client's pace; a failure is its last line. */
function relay(
  body: ReadableStream<Uint8Array>,
  how: {
    readonly work: Answering;
    readonly lease: Lease;
    readonly done: (left?: boolean) => void;
  },
): ReadableStream<Uint8Array> {
  const { work, lease, done } = how;
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const read = await reader.read();
        if (!read.done) return controller.enqueue(read.value);
        done();
      } catch (cause) {
        const failure = await failureOf(cause, lease, work);
        done();
        controller.enqueue(lastLine(failure, work.call.requestId));
      }
      controller.close();
    },
    async cancel() {
      done(true);
      // What is still on its way concerns nobody.
      await reader.cancel().catch(() => undefined);
    },
  });
}

/** What was too slow once may be so for good; and a program that cannot be told to stop is busy for who knows how long. */
function isSuspect({ instance }: Lease, why: Limit["why"]): boolean {
  return why === "time" || (why === "client" && instance.form === "plain");
}

async function failureOf(cause: unknown, lease: Lease, { limit, call }: Answering): Promise<unknown> {
  if (limit.why === "client") return cause;
  if (limit.why === "time") return timedOut(limit, cause);
  if (cause instanceof DaemonError && cause.code === "bad_request") return cause;
  const { instance } = lease;
  const ended = (await settlesWithin(instance.ended, LAST_WORDS_MS)) ? await instance.ended : undefined;
  const why = ended ?? `its connection broke (${describeError(cause)})`;
  const message = `RequestId: ${call.requestId} Error: instance ${instance.number} of the function failed, ${why}`;
  return new DaemonError("plugin_failed", message, {
    cause,
    plugin: { error_type: "Runtime.ExitError", message },
  });
}

function timedOut(limit: Limit, cause: unknown): DaemonError {
  return new DaemonError("timeout", `Task timed out after ${(limit.timeoutMs / 1000).toFixed(2)} seconds`, {
    cause,
    hint: "Raise PLUGD_CONNECTOR_TIMEOUT",
  });
}

/** What AWS Lambda puts behind a streamed answer that broke; what stands before it may have no end of line. */
function lastLine(failure: unknown, requestId: string): Uint8Array {
  const isTimeout = failure instanceof DaemonError && failure.code === "timeout";
  const line = JSON.stringify({
    errorType: isTimeout ? "Sandbox.Timedout" : "Runtime.ExitError",
    errorMessage: errorMessage(failure),
    requestId,
  });
  return new TextEncoder().encode(`\n${line}\n`);
}
