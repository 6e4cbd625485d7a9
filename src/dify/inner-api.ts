import { rawMember } from "../lib/json-scan.ts";
import { createFrameReader, FrameError } from "./frames.ts";

/** An answer's `data`: parsed, and as Dify wrote it, so that digits survive. */
export interface Reply {
  readonly value: unknown;
  readonly raw: string;
}

export interface CallOptions {
  /** The call ends with the session that made it. */
  readonly signal: AbortSignal;
  /** W3C trace context to pass on. */
  readonly traceparent?: string;
}

/** Dify's inner API (contract/backwards-invocation 2). Only this daemon calls it; no proxy, no retries. */
export interface InnerApi {
  /** A route that answers once. Throws an `InnerApiError` with the reference's words. */
  call(path: string, body: unknown, options: CallOptions): Promise<Reply>;
  /** A route that answers with frames. What came before a failure is handed over first; pull it, for it waits. */
  stream(path: string, body: unknown, options: CallOptions): AsyncGenerator<Reply>;
}

/** `opening`: it never began to answer as it should; `reading`: it broke while it answered. */
export class InnerApiError extends Error {
  readonly phase: "opening" | "reading";
  constructor(phase: "opening" | "reading", message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InnerApiError";
    this.phase = phase;
  }
}

export interface InnerApiOptions {
  /** `DIFY_INNER_API_URL`; undefined: every call fails, and says so. */
  readonly url: string | undefined;
  readonly key: string | undefined;
  /** Limit of a whole answer, counted from the request (the reference counts from the headers). */
  readonly readTimeoutMs: number;
  readonly maxFrameBytes: number;
}

/** What is quoted of an answer that is an error. */
const QUOTED_CHARS = 4096;

export function createInnerApi(options: InnerApiOptions): InnerApi {
  async function post(path: string, body: unknown, call: CallOptions): Promise<{ response: Response; url: string }> {
    if (options.url === undefined || options.key === undefined)
      throw new InnerApiError("opening", "DIFY_INNER_API_URL and DIFY_INNER_API_KEY are not set on this daemon");
    const url = `${options.url.replace(/\/+$/, "")}/inner/api/${path}`;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-inner-api-key": options.key,
          ...(call.traceparent !== undefined && { traceparent: call.traceparent }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.any([call.signal, AbortSignal.timeout(options.readTimeoutMs)]),
        // Credentials go to the address that the operator gave, and nowhere else.
        redirect: "manual",
        proxy: undefined,
      });
      return { response, url };
    } catch (cause) {
      throw new InnerApiError("opening", `Post "${url}": ${describe(cause)}`, { cause });
    }
  }

  return {
    async call(path, body, callOptions) {
      const { response } = await post(path, body, callOptions);
      let text: string;
      try {
        text = await response.text();
      } catch (cause) {
        throw new InnerApiError("opening", describe(cause), { cause });
      }
      if (!response.ok) throw statusError(response.status, text);
      return readReply(text, "opening");
    },
    async *stream(path, body, callOptions) {
      const { response } = await post(path, body, callOptions);
      if (response.status !== 200) throw statusError(response.status, await response.text().catch(() => ""));
      const frames = createFrameReader(options.maxFrameBytes);
      try {
        for await (const chunk of response.body ?? [])
          for (const payload of frames.push(chunk)) yield readReply(payload, "reading");
        frames.end();
      } catch (cause) {
        if (cause instanceof InnerApiError) throw cause;
        throw new InnerApiError("reading", cause instanceof FrameError ? cause.message : describe(cause), { cause });
      }
    },
  };
}

function statusError(status: number, body: string): InnerApiError {
  const quoted = body.length > QUOTED_CHARS ? `${body.slice(0, QUOTED_CHARS)}…` : body;
  return new InnerApiError("opening", `request failed with status code: ${status} and respond with: ${quoted}`);
}

/** `{"data": …, "error": "…"}`: an error text wins, and nothing at all is an error, too. */
function readReply(text: string, phase: InnerApiError["phase"]): Reply {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new InnerApiError(phase, text === "" ? "EOF" : `the answer is no JSON: ${describe(cause)}`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null) throw new InnerApiError(phase, "data is nil");
  if ("error" in parsed && typeof parsed.error === "string" && parsed.error !== "")
    throw new InnerApiError(phase, `request failed: ${parsed.error}`);
  if (!("data" in parsed) || parsed.data === null || parsed.data === undefined)
    throw new InnerApiError(phase, "data is nil");
  return { value: parsed.data, raw: rawMember(text, ["data"]) ?? JSON.stringify(parsed.data) };
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.name === "TimeoutError" ? "the answer took longer than DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT" : cause.message;
}
