import { isRecord } from "../../lib/is-record.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { sriEnd, sriEvent, sriFailure, sriSuccess, type Usage } from "../../protocol/serverless/sri-text.ts";

export interface PlainAnswerOptions {
  readonly sessionId: string;
  readonly requestId: string;
  readonly usage: () => Usage;
  /** The client has left, or the time is over. */
  readonly signal: AbortSignal;
  /** Called once, when nothing of the answer is to come any more. */
  readonly onEnd: () => void;
}

/** The answer of one call, from the lines of a program to the article's HTTP answer (contract/plain-protocol 2, 6). */
export interface PlainAnswer {
  /** Rejects where the call ends before its answer begins. */
  readonly response: Promise<Response>;
  /** Defined while the client is behind; resolves when it has read, or the answer has ended. */
  readonly room: Promise<void> | undefined;
  /** False where the message is no part of this answer. `raw` gives the text of one of its members. */
  take(message: Readonly<Record<string, unknown>>, raw: (key: string) => string | undefined): boolean;
  /** Ends it with an error, if it has not ended. `dead`: the process has gone. */
  fail(why: string, options?: { readonly dead: boolean }): void;
}

/** What a client that reads slowly may be behind before the program is not read any more. */
const MAX_BEHIND_BYTES = 256 * 1024;
const STREAM_HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache" };

export function createPlainAnswer(options: PlainAnswerOptions): PlainAnswer {
  const { sessionId, requestId, usage, signal } = options;
  const { promise: response, resolve, reject } = Promise.withResolvers<Response>();
  // Whoever waits for it sees the rejection; who has left does not care.
  response.catch(() => undefined);
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  let ended = false;
  /** Set while the client is as far behind as it may be. */
  let full: PromiseWithResolvers<void> | undefined;

  function makeRoom(): void {
    full?.resolve();
    full = undefined;
  }

  function event(...[name, data]: Parameters<typeof sriEvent>): void {
    stream?.enqueue(new TextEncoder().encode(sriEvent(name, data)));
    if (stream && (stream.desiredSize ?? 0) <= 0) full ??= Promise.withResolvers<void>();
  }

  function begin(): void {
    if (stream) return;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (stream = controller),
        pull: makeRoom,
        cancel: finish,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_BEHIND_BYTES }),
    );
    resolve(new Response(body, { headers: STREAM_HEADERS }));
    event("start", JSON.stringify({ session_id: sessionId }));
  }

  function finish(): void {
    ended = true;
    makeRoom();
    options.onEnd();
  }

  function end(): void {
    finish();
    stream?.close();
  }

  function fail(why: string, options?: { readonly dead: boolean }): void {
    if (ended) return;
    const dead = options?.dead === true;
    if (stream) {
      event(
        "error",
        JSON.stringify({ error: { type: dead ? "Runtime.ExitError" : "PluginError", message: why } }),
      );
      return end();
    }
    finish();
    reject(new DaemonError(dead ? "plugin_failed" : "internal", why));
  }

  function failed(error: string): void {
    if (stream) {
      event("error", `{"error":${error}}`);
      return end();
    }
    finish();
    resolve(json(sriFailure(error, usage())));
  }

  signal.addEventListener("abort", () => fail("Task timed out"), { once: true });

  return {
    response,
    get room() {
      return full?.promise;
    },
    fail,
    take(message, raw) {
      const type = message["type"] ?? (message["status"] === undefined ? undefined : "response");
      const given = message["request_id"];
      if (ended || (typeof given === "string" && given !== requestId)) return false;
      const isError = message["status"] === "error" || isRecord(message["error"]);
      switch (type) {
        case "response":
          if (isError) failed(raw("error") ?? "{}");
          else if (stream) {
            event("chunk", raw("data") ?? "null");
            endStream("{}");
          } else {
            finish();
            resolve(json(sriSuccess(raw("data") ?? "null", usage())));
          }
          return true;
        case "stream_start":
          begin();
          return true;
        case "stream_chunk":
          begin();
          event("chunk", raw("data") ?? "null");
          return true;
        case "stream_end":
          begin();
          endStream(raw("data") ?? "{}");
          return true;
        default:
          return false;
      }
    },
  };

  function endStream(data: string): void {
    event("end", sriEnd(data, usage()));
    if (!ended) end();
  }
}

function json(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}
