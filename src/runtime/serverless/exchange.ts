import { describeError } from "../../lib/describe-error.ts";
import { pause } from "../../lib/pause.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { ConnectionLimits, Connection } from "./connections.ts";
import { checkFunctionUrl, type FunctionUrlPolicy } from "./function-url.ts";
import { type RetryPolicy, waitBefore } from "./retry-policy.ts";

/** One POST to a function. */
export interface FunctionRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of the call that it is of; for metrics. */
  readonly action: string;
  readonly retry: RetryPolicy;
}

/** The head of an answer. Whoever has it must read the body to its end or call `close`, in any case the latter. */
export interface Exchange {
  readonly response: Response;
  /** Ends the connection where the body was not read to its end. Idempotent. */
  close(): void;
}

/** No attempt got an answer; the message is what the caller is told. */
export class ExchangeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ExchangeError";
  }
}

export type FailureType = "transport" | "rate_limit" | "gateway" | "http";

/** An attempt that failed; status 0 for one without an answer. */
export interface AttemptFailure {
  readonly status: number;
  readonly type: FailureType;
  readonly action: string;
}

export interface FunctionClientOptions {
  readonly connections: ConnectionLimits;
  readonly urls: FunctionUrlPolicy;
  readonly onFailure: (failure: AttemptFailure) => void;
}

export interface FunctionClient {
  /** Waits for a place, asks, and asks again as the policy says. Throws `ExchangeError`, or with the signal. */
  post(request: FunctionRequest, signal: AbortSignal): Promise<Exchange>;
}

/** Within one host; to another one nothing is carried on. */
const MAX_REDIRECTS = 3;

export function createFunctionClient(options: FunctionClientOptions): FunctionClient {
  async function send(
    { url, headers, body }: FunctionRequest,
    { connection, signal }: { readonly connection: Connection; readonly signal: AbortSignal },
  ): Promise<Response> {
    let target = url;
    for (let redirects = 0; ; redirects++) {
      const at = await checkFunctionUrl(target, options.urls);
      const response = await fetch(at.url, {
        method: "POST",
        headers: { ...headers, ...at.headers },
        ...(at.tls && { tls: at.tls }),
        body,
        signal,
        redirect: "manual",
        keepalive: connection.keepAlive,
        // The call's own limit in time counts, and a model may think for long.
        timeout: false,
      });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.body?.cancel();
      target = nextTarget({ from: target, location, status: response.status, redirects });
    }
  }

  return {
    async post(request, signal) {
      const { action } = request;
      const { attempts, statuses } = request.retry;
      let last = "";
      let cause: unknown;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        if (attempt > 1 && !(await pause(waitBefore(attempt), signal))) signal.throwIfAborted();
        const abort = new AbortController();
        const connection = await options.connections.open(request.url.host, signal);
        const close = once(() => {
          connection.close();
          abort.abort();
        });
        try {
          const response = await send(request, {
            connection,
            signal: AbortSignal.any([signal, abort.signal]),
          });
          const failure = failureOf(response.status);
          if (failure) options.onFailure({ ...failure, action });
          if (!statuses.has(response.status)) return { response, close };
          last = `attempt ${attempt}/${attempts} failed with status code: ${response.status}`;
        } catch (failure) {
          close();
          signal.throwIfAborted();
          if (isFinal(failure)) throw failure;
          options.onFailure({ status: 0, type: "transport", action });
          cause = failure;
          last = `attempt ${attempt}/${attempts} failed: ${describeError(failure)}`;
        }
        close();
      }
      throw new ExchangeError(
        `Error sending request to serverless: all ${attempts} attempts failed, last error: ${last}`,
        { cause },
      );
    },
  };
}

/** What no other attempt changes: a refused address, a redirect that is not followed. */
function isFinal(cause: unknown): boolean {
  return cause instanceof ExchangeError || (cause instanceof DaemonError && cause.code !== "unavailable");
}

function nextTarget(at: {
  readonly from: URL;
  readonly location: string;
  readonly status: number;
  readonly redirects: number;
}): URL {
  const { from, location, status, redirects } = at;
  const target = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  // Any other redirect would lose the body, and another host is not one that the request was meant for.
  if (
    !target ||
    target.origin !== from.origin ||
    (status !== 307 && status !== 308) ||
    redirects >= MAX_REDIRECTS
  )
    throw new ExchangeError(
      `Error sending request to serverless: the function at "${from.host}" redirects (${status}) ` +
        `to "${target?.host ?? "nowhere"}", which is not followed`,
    );
  return target;
}

function failureOf(status: number): Omit<AttemptFailure, "action"> | undefined {
  if (status < 400) return undefined;
  if (status === 429) return { status, type: "rate_limit" };
  return { status, type: status >= 502 && status <= 504 ? "gateway" : "http" };
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
