import { describeError } from "../../lib/describe-error.ts";
import { createEventReader } from "../../lib/event-stream.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../../protocol/messages.ts";
import type { PluginError } from "../../protocol/plugin-error.ts";
import type { FunctionUsage } from "../../protocol/invocation.ts";
import { payloadTooLarge } from "../../protocol/serverless/batches.ts";
import { innerError } from "../../protocol/serverless/failure.ts";
import { isLast } from "../../protocol/serverless/function-answer.ts";
import { answerProblem, SIGNATURE_HEADER, TIMESTAMP_HEADER } from "../../protocol/serverless/signature.ts";
import { createSriAnswer, type SriAnswer, sriBody } from "../../protocol/serverless/sri.ts";
import type { Exchange, FunctionClient } from "./exchange.ts";
import type { FunctionTarget } from "./function-target.ts";
import { readBody, readLineBlocks } from "./read-answer.ts";
import { requestHeaders } from "./request-headers.ts";
import { PLAIN_RETRY_STATUSES } from "./retry-policy.ts";
import type { CallLimits } from "./sdk-call.ts";

/** Where a function without an environment of ours calls back. */
const CALLBACK_HEADER = "x-dify-plugin-daemon-url";

export interface PlainCallDeps {
  readonly client: FunctionClient;
  /** One for each call. */
  readonly createCodec: () => Codec;
  readonly limits: CallLimits;
  /** Longest silence before and within an answer, in milliseconds (`PLUGD_SERVERLESS_TIMEOUT`). */
  readonly silenceMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type Request = Extract<DaemonMessage, { kind: "request" }>;

interface Call {
  readonly request: Request;
  readonly target: FunctionTarget;
  readonly signal: AbortSignal;
  readonly onUsage: (usage: FunctionUsage) => void;
}

/**
 * Calls a function in the article's plain form (contract/plain-protocol 6). Yields what comes back; a failure of any kind
 * is the last event.
 */
export async function* callPlainFunction(
  deps: PlainCallDeps,
  { request, target, signal, onUsage }: Call,
): AsyncGenerator<readonly PluginEvent[]> {
  const { sessionId } = request;
  const failed = (error: PluginError): readonly PluginEvent[] => [{ kind: "error", sessionId, error }];
  const codec = deps.createCodec();
  const body = sriBody(codec.encode(request) ?? "", request);
  const action = String(request.data["action"]);
  const bytes = Buffer.byteLength(body);
  const maxBytes = deps.limits.maxRequestBytes;
  if (bytes > maxBytes) {
    yield failed(payloadTooLarge({ action, payloadBytes: bytes, maxBytes }).error);
    return;
  }
  const silence = createSilenceLimit(deps.silenceMs, signal);
  let opened: Exchange;
  try {
    opened = await deps.client.post(
      {
        url: invokeUrl(target.url),
        headers: {
          ...requestHeaders(target, { sessionId, body }),
          ...(target.daemonUrl !== undefined && { [CALLBACK_HEADER]: target.daemonUrl }),
        },
        body,
        action,
        retry: { attempts: deps.limits.attempts, statuses: PLAIN_RETRY_STATUSES },
      },
      silence.signal,
    );
  } catch (cause) {
    silence.close();
    signal.throwIfAborted();
    yield failed(innerError(silence.why() ?? describeError(cause)));
    return;
  }
  try {
    yield* readAnswer(opened.response, { deps, codec, sessionId, target, ears: silence, onUsage });
  } catch (cause) {
    signal.throwIfAborted();
    yield failed(innerError(`failed to read response body: ${silence.why() ?? describeError(cause)}`));
  } finally {
    silence.close();
    opened.close();
  }
}

interface Reading {
  readonly deps: PlainCallDeps;
  readonly codec: Codec;
  readonly sessionId: string;
  readonly target: FunctionTarget;
  readonly ears: Ears;
  readonly onUsage: (usage: FunctionUsage) => void;
}

async function* readAnswer(response: Response, reading: Reading): AsyncGenerator<readonly PluginEvent[]> {
  const { deps, codec, sessionId, ears, onUsage } = reading;
  const { maxLineBytes } = deps.limits;
  const answer = createSriAnswer({ codec, sessionId, status: response.status, onUsage });
  const isStream = response.headers.get("content-type")?.includes("text/event-stream") === true;
  ears.listen();
  if (response.ok && isStream) {
    requireSigned(response.headers, "", reading);
    yield* readStream(response.body, { answer, maxLineBytes, ears });
    return;
  }
  const { text, isCut } = await readBody(response.body, { maxBytes: maxLineBytes });
  if (isCut)
    throw new Error(`it is longer than the limit of ${maxLineBytes} bytes (PLUGIN_RUNTIME_MAX_BUFFER_SIZE)`);
  requireSigned(response.headers, text, reading);
  yield answer.unary(text);
}

async function* readStream(
  body: ReadableStream<Uint8Array> | null,
  {
    answer,
    maxLineBytes,
    ears,
  }: { readonly answer: SriAnswer; readonly maxLineBytes: number; readonly ears: Ears },
): AsyncGenerator<readonly PluginEvent[]> {
  const reader = createEventReader();
  for await (const part of readLineBlocks(body, { maxLineBytes })) {
    ears.rest();
    if (part.kind === "oversize")
      throw new Error(`a line of ${part.sizeBytes} bytes is longer than the limit of ${maxLineBytes} bytes`);
    const events: PluginEvent[] = [];
    for (const { name, data } of reader.push(part.text)) {
      events.push(...answer.event(name, data));
      if (events.some(isLast)) break;
    }
    if (events.length > 0) yield events;
    if (events.some(isLast)) return;
    ears.listen();
  }
  for (const { name, data } of reader.flush()) {
    const events = answer.event(name, data);
    if (events.length > 0) yield events;
    if (events.some(isLast)) return;
  }
  yield [answer.finish()];
}

/** Where a secret is set and the function signs, its signature has to be right. */
function requireSigned(headers: Headers, body: string, { target, sessionId, deps }: Reading): void {
  const signature = headers.get(SIGNATURE_HEADER);
  if (target.signatureSecret === undefined || signature === null) return;
  const timestamp = headers.get(TIMESTAMP_HEADER) ?? "";
  const problem = answerProblem(target.signatureSecret, {
    signature,
    timestamp,
    sessionId,
    body,
    nowMs: deps.now(),
  });
  if (problem !== undefined) throw new Error(`the answer cannot be trusted: ${problem}`);
}

interface SilenceLimit extends Ears {
  readonly signal: AbortSignal;
  /** In words, once it has ended the call. */
  why(): string | undefined;
  close(): void;
}

interface Ears {
  /** Something has arrived, or is listened for again. */
  listen(): void;
  /** Nobody reads just now, so silence means nothing. */
  rest(): void;
}

/** Ends what waits for too long without a byte. */
function createSilenceLimit(ms: number, owner: AbortSignal): SilenceLimit {
  const abort = new AbortController();
  const reason = `the function was silent for ${Math.round(ms / 1000)} s (PLUGD_SERVERLESS_TIMEOUT)`;
  let isOver = false;
  const over = () => {
    isOver = true;
    abort.abort(new Error(reason));
  };
  let timer = setTimeout(over, ms);
  return {
    signal: AbortSignal.any([owner, abort.signal]),
    listen() {
      clearTimeout(timer);
      timer = setTimeout(over, ms);
    },
    rest: () => clearTimeout(timer),
    why: () => (isOver ? reason : undefined),
    close: () => clearTimeout(timer),
  };
}

function invokeUrl(base: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/invoke`;
  return url;
}
