import { isRecord } from "../../lib/is-record.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

/** What a call has used, as the article names it. */
export interface Usage {
  readonly execution_time_ms: number;
  readonly memory_used_mb?: number;
}

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

  function event(name: string, data: string): void {
    stream?.enqueue(new TextEncoder().encode(`event: ${name}\ndata: ${data}\n\n`));
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
    finish();
    const dead = options?.dead === true;
    if (!stream) return reject(new DaemonError(dead ? "plugin_failed" : "internal", why));
    const error = { type: dead ? "Runtime.ExitError" : "PluginError", message: why };
    stream.enqueue(new TextEncoder().encode(`event: error\ndata: ${JSON.stringify({ error })}\n\n`));
    stream.close();
  }

  function failed(error: string): void {
    if (stream) {
      event("error", `{"error":${error}}`);
      return end();
    }
    finish();
    resolve(json(`{"status":"error","error":${error},"usage":${JSON.stringify(usage())}}`));
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
            resolve(
              json(`{"status":"success","data":${raw("data") ?? "null"},"usage":${JSON.stringify(usage())}}`),
            );
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

  /** The program's own figures stand first; `usage` is the connector's. */
  function endStream(data: string): void {
    const own = data.trim();
    const isObject = own.startsWith("{") && own.endsWith("}");
    const inner = isObject ? own.slice(1, -1).trim() : `"data":${own}`;
    event("end", `{${inner}${inner === "" ? "" : ","}"usage":${JSON.stringify(usage())}}`);
    if (!ended) end();
  }
}

function json(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}
