import { createFrameReader, FrameError } from "./frames.ts";
import type { TraceHeaders } from "../lib/traceparent.ts";
import { describeNetworkError, InnerApiError } from "./inner-api-error.ts";
import { openLimit, type RequestLimit } from "./request-limit.ts";
import { QUOTED_CHARS, quoteWithout } from "./quote.ts";
import { type Reply, readReply } from "./reply.ts";

/** Bounds what is held of the answers of many calls together. */
export interface Hold {
  /** So many more bytes are held; resolves when more may be read. */
  grow(bytes: number): Promise<void>;
  shrink(bytes: number): void;
}

/** The trace headers are passed on. */
export interface CallOptions extends TraceHeaders {
  /** The call ends with the session that made it; it rejects with an `InnerApiError` then, too. */
  readonly signal: AbortSignal;
  /** Called when the head of the answer is there. */
  readonly onHead?: (status: number) => void;
  /** A stream gives back what was taken of it, a single answer is held until its caller lets go. */
  readonly hold?: Hold;
}

/**
 * Dify's inner API (contract/backwards-invocation 2). Only this daemon calls it: no proxy, no retries, no redirects.
 * A body is JSON text, or a value that becomes one. Both reject with an `InnerApiError`, in the reference's words.
 */
export interface InnerApi {
  /** A route that answers once. */
  call(path: string, body: unknown, options: CallOptions): Promise<Reply>;
  /**
   * A route that answers with frames, pulled one by one: a consumer that waits makes the platform wait. What came
   * before a failure is handed over first. Leaving the loop ends the request.
   */
  stream(path: string, body: unknown, options: CallOptions): AsyncGenerator<Reply>;
}

export interface InnerApiOptions {
  /** `DIFY_INNER_API_URL`; a path in it is kept. Undefined: every call fails, and says so. */
  readonly url: string | undefined;
  readonly key: string | undefined;
  /** Limit of a whole exchange, counted from the request (the reference counts from the head of the answer). */
  readonly readTimeoutMs: number;
  /** Largest frame of a stream, and largest single answer. */
  readonly maxAnswerBytes: number;
}

/** What is read of an answer that is an error: a key in what is quoted stands there as a whole. */
const READ_BYTES = 2 * QUOTED_CHARS;
/** A single answer of this size is read at once. */
const SMALL_BYTES = 64 * 1024;

export function createInnerApi(options: InnerApiOptions): InnerApi {
  const { url: base, key, maxAnswerBytes, readTimeoutMs } = options;
  const quote = quoteWithout(key);

  async function post(
    path: string,
    {
      body,
      limit,
      call,
    }: { readonly body: unknown; readonly limit: RequestLimit; readonly call: CallOptions },
  ): Promise<Response> {
    if (base === undefined || key === undefined)
      throw new InnerApiError(
        "opening",
        `${base === undefined ? "DIFY_INNER_API_URL" : "DIFY_INNER_API_KEY"} is not set on the plugin daemon`,
        { kind: "unreachable" },
      );
    const url = `${base.replace(/\/+$/, "")}/inner/api/${path}`;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-inner-api-key": key,
          ...traceHeaders(call),
        },
        body: typeof body === "string" ? body : JSON.stringify(body),
        signal: limit.signal,
        // The key goes to the address that the operator gave, and nowhere else.
        redirect: "manual",
        proxy: false,
        // Ours is exact; Bun's own ends what is silent for five minutes.
        timeout: false,
      });
      call.onHead?.(response.status);
      return response;
    } catch (cause) {
      throw new InnerApiError("opening", `Post "${url}": ${limit.why() ?? describeNetworkError(cause)}`, {
        kind: limit.why() === undefined ? "unreachable" : "timeout",
        cause,
      });
    }
  }

  async function readAll(response: Response, { hold }: CallOptions): Promise<string> {
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    // A compressed one may be of any size.
    if (length <= SMALL_BYTES && !response.headers.has("content-encoding")) {
      const text = await response.text();
      await hold?.grow(text.length);
      return text;
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) throw new FrameError(`data length is too long: ${bytes}`);
      chunks.push(chunk);
      await hold?.grow(chunk.length);
    }
    return new TextDecoder().decode(Buffer.concat(chunks));
  }

  return {
    async call(path, body, call) {
      const limit = openLimit(call.signal, readTimeoutMs);
      try {
        const response = await post(path, { body, limit, call });
        if (isRedirect(response)) throw await statusError(response, quote);
        let text: string;
        try {
          text = await readAll(response, call);
        } catch (cause) {
          throw brokenAnswer("opening", limit, cause);
        }
        return readReply(text, { phase: "opening", status: response.status, quote });
      } finally {
        limit.close();
      }
    },
    async *stream(path, body, call) {
      const limit = openLimit(call.signal, readTimeoutMs);
      try {
        const response = await post(path, { body, limit, call });
        if (response.status !== 200) throw await statusError(response, quote);
        const frames = createFrameReader(maxAnswerBytes);
        let held = 0;
        try {
          for await (const chunk of response.body ?? []) {
            held += chunk.length;
            await call.hold?.grow(chunk.length);
            for (const payload of frames.push(chunk))
              yield readReply(payload, { phase: "reading", status: 200, quote });
            call.hold?.shrink(held - frames.pendingBytes);
            held = frames.pendingBytes;
          }
          frames.end();
        } catch (cause) {
          if (cause instanceof InnerApiError) throw cause;
          throw brokenAnswer("reading", limit, cause);
        }
      } finally {
        limit.close();
      }
    },
  };
}

function traceHeaders({ traceparent, tracestate, baggage }: TraceHeaders): Record<string, string> {
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    ...(baggage !== undefined && { baggage }),
  };
}

function brokenAnswer(phase: InnerApiError["phase"], limit: RequestLimit, cause: unknown): InnerApiError {
  const why = limit.why();
  if (why !== undefined) return new InnerApiError(phase, why, { kind: "timeout", cause });
  const message = cause instanceof FrameError ? cause.message : describeNetworkError(cause);
  return new InnerApiError(phase, message, { kind: "broken", cause });
}

function isRedirect(response: Response): boolean {
  return response.status >= 300 && response.status < 400;
}

async function statusError(response: Response, quote: (text: string) => string): Promise<InnerApiError> {
  const to = isRedirect(response) ? response.headers.get("location") : null;
  const body = quote(
    to === null ? await readStart(response) : `a redirect to "${to}", which is not followed`,
  );
  return new InnerApiError(
    "opening",
    `request failed with status code: ${response.status} and respond with: ${body}`,
    { kind: "status" },
  );
}

/** More than is quoted; the rest is not waited for. */
async function readStart(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > READ_BYTES) break;
    }
  } catch {
    // What came is enough: the status tells more than how its body ended.
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
