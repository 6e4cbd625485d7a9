import { STATUS_CODES } from "node:http";
import { describeError } from "../../lib/describe-error.ts";
import { createLineSplitter } from "../../lib/line-splitter.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../../protocol/messages.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import {
  type BatchAnswer,
  batchedAction,
  type BatchedAction,
  BatchError,
  type BatchItem,
  mergeAnswers,
  payloadTooLarge,
  splitTexts,
} from "../../protocol/serverless/batches.ts";
import { innerError, runtimeError } from "../../protocol/serverless/failure.ts";
import { createFunctionAnswer, isLast } from "../../protocol/serverless/function-answer.ts";
import type { Exchange, FunctionClient } from "./exchange.ts";
import type { FunctionTarget } from "./function-target.ts";
import { readErrorBody } from "./read-answer.ts";
import { SDK_RETRY_STATUSES } from "./retry-policy.ts";
import { requestHeaders } from "./request-headers.ts";

/** Sizes in bytes. */
export interface CallLimits {
  readonly attempts: number;
  /** Of a request (`MAX_SERVERLESS_REQUEST_BYTES`). */
  readonly maxRequestBytes: number;
  /** Of a line of an answer (`PLUGIN_RUNTIME_MAX_BUFFER_SIZE`). */
  readonly maxLineBytes: number;
}

/** What a call was split into, and how that ended. */
export interface BatchFacts {
  readonly action: string;
  /** `model`, `tool`, … */
  readonly accessType: string;
  readonly batches: readonly number[];
  /** Of a mismatch. */
  readonly reason?: string;
  /** A text, or the message without one, exceeds the limit. */
  readonly oversize?: boolean;
}

export interface SdkCallDeps {
  readonly client: FunctionClient;
  readonly codec: Codec;
  readonly limits: CallLimits;
  readonly onBatches: (facts: BatchFacts) => void;
}

type Request = Extract<DaemonMessage, { kind: "request" }>;

/**
 * Calls a function that speaks as the published SDK does (contract/plugin-wire 3.2–3.4, 3.6). Yields what comes back;
 * a failure of any kind is the last event.
 */
export function callSdkFunction(
  deps: SdkCallDeps,
  {
    request,
    target,
    signal,
  }: { readonly request: Request; readonly target: FunctionTarget; readonly signal: AbortSignal },
): AsyncIterable<readonly PluginEvent[]> {
  const { maxRequestBytes } = deps.limits;
  const { sessionId, data } = request;
  const action = typeof data["action"] === "string" ? data["action"] : "";
  const body = encode(deps.codec, request);
  const bytes = Buffer.byteLength(body);
  const accessType = typeof data["type"] === "string" ? data["type"] : "";
  const call = { sessionId, action, accessType, target, signal };
  // Not through a generator of our own: each of them costs every piece a turn.
  if (bytes <= maxRequestBytes) return exchange(deps, { ...call, body });
  const batched = batchedAction(action);
  const texts = data["texts"];
  if (!batched || !Array.isArray(texts)) {
    deps.onBatches({ action, accessType, batches: [], oversize: true });
    const { error } = payloadTooLarge({ action, payloadBytes: bytes, maxBytes: maxRequestBytes });
    return refuse({ kind: "error", sessionId, error });
  }
  return callInBatches(deps, { ...call, request, texts, batched });
}

async function* refuse(event: PluginEvent): AsyncGenerator<readonly PluginEvent[]> {
  yield [event];
}

interface Call {
  readonly sessionId: string;
  readonly action: string;
  readonly accessType: string;
  readonly target: FunctionTarget;
  readonly signal: AbortSignal;
}

async function* callInBatches(
  deps: SdkCallDeps,
  call: Call & {
    readonly request: Request;
    readonly texts: readonly unknown[];
    readonly batched: BatchedAction;
  },
): AsyncGenerator<readonly PluginEvent[]> {
  const { sessionId, action, accessType, request, batched } = call;
  const withTexts = (texts: readonly unknown[]) =>
    encode(deps.codec, { ...request, data: { ...request.data, texts } });
  const sizes: number[] = [];
  try {
    const emptyBytes = Buffer.byteLength(withTexts([]));
    const batches = splitTexts(call.texts, { action, emptyBytes, maxBytes: deps.limits.maxRequestBytes });
    const answers: BatchAnswer[] = [];
    for (const texts of batches) {
      const body = withTexts(texts);
      sizes.push(Buffer.byteLength(body));
      const items: BatchItem[] = [];
      for await (const events of exchange(deps, { ...call, body }))
        for (const event of events) {
          if (event.kind === "item") items.push(event);
          else if (event.kind === "error" || event.kind === "broken") {
            deps.onBatches({ action, accessType, batches: sizes });
            yield [event];
            return;
          } else if (event.kind === "log") yield [event];
        }
      answers.push({ expected: texts.length, items });
      // An item too many is an error in any case; the others need not be asked any more.
      if (items.length !== 1) break;
    }
    const merged = mergeAnswers(batched, answers);
    deps.onBatches({ action, accessType, batches: sizes });
    yield [
      { kind: "item", sessionId, ...merged },
      { kind: "end", sessionId },
    ];
  } catch (cause) {
    if (!(cause instanceof BatchError)) throw cause;
    const { error, reason } = cause;
    deps.onBatches({
      action,
      accessType,
      batches: sizes,
      ...(reason === undefined ? { oversize: true } : { reason }),
    });
    yield [{ kind: "error", sessionId, error }];
  }
}

async function* exchange(
  { client, limits }: SdkCallDeps,
  { sessionId, action, target, signal, body }: Call & { readonly body: string },
): AsyncGenerator<readonly PluginEvent[]> {
  const failed = (error: PluginError): readonly PluginEvent[] => [{ kind: "error", sessionId, error }];
  let opened: Exchange;
  try {
    opened = await client.post(
      {
        url: invokeUrl(target.url, action),
        headers: {
          ...requestHeaders(target, { sessionId, body }),
          "dify-plugin-session-id": sessionId,
          accept: "text/event-stream",
        },
        body,
        action,
        retry: { attempts: limits.attempts, statuses: SDK_RETRY_STATUSES },
      },
      signal,
    );
  } catch (cause) {
    signal.throwIfAborted();
    yield failed(innerError(describeError(cause)));
    return;
  }
  const { response, close } = opened;
  try {
    const { status, headers } = response;
    const errorType = headers.get("x-amzn-errortype");
    if (!response.ok || errorType !== null) {
      const fallback = response.ok ? "Lambda runtime error" : (STATUS_CODES[status] ?? `status ${status}`);
      const requestId = headers.get("x-amzn-requestid");
      yield failed(
        runtimeError({ status, body: await readErrorBody(response.body), errorType, requestId, fallback }),
      );
      return;
    }
    const answer = createFunctionAnswer(sessionId, { status });
    const splitter = createLineSplitter(limits.maxLineBytes);
    const reader = response.body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      for (const part of done ? splitter.flush() : splitter.push(value)) {
        if (typeof part !== "string") {
          yield failed(innerError(tooLong(part.sizeBytes, limits.maxLineBytes)));
          return;
        }
        const events = answer.decode(part);
        if (events.length > 0) yield events;
        const last = events.at(-1);
        if (last && isLast(last)) return;
      }
      if (done) break;
    }
    yield [answer.finish()];
  } catch (cause) {
    signal.throwIfAborted();
    yield failed(innerError(`failed to read response body: ${describeError(cause)}`));
  } finally {
    close();
  }
}

function tooLong(sizeBytes: number, limitBytes: number): string {
  return (
    `failed to read response body: a line of ${sizeBytes} bytes is longer than the limit of ${limitBytes} bytes ` +
    `(PLUGIN_RUNTIME_MAX_BUFFER_SIZE)`
  );
}

function encode(codec: Codec, request: Request): string {
  return (codec.encode(request) ?? "").trimEnd();
}

/** A query of the function's own URL, such as a key of its front, stays. */
function invokeUrl(base: string, action: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/invoke`;
  url.searchParams.set("action", action);
  return url;
}
