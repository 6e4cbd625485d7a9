import { KEEP_ALIVE, KEEP_ALIVE_MS } from "../protocol/serverless/transaction.ts";
import { type DirectController, writeOut } from "./direct-controller.ts";
import { type FrameEncoding, plainFrames } from "./frame-encoding.ts";

export interface TransactionStream {
  /** What is sent; `close` ends it. */
  readonly answer: {
    send(frame: string): Promise<void>;
    readonly signal: AbortSignal;
    close(): void;
  };
  /** Its head goes out at once. */
  respond(): Response;
}

export interface TransactionStreamOptions {
  /** Aborts when the function hangs up. */
  readonly client: AbortSignal;
  /** The answer just stops then (`MAX_SERVERLESS_TRANSACTION_TIMEOUT`). */
  readonly timeoutMs: number;
  readonly keepAliveMs?: number;
  /** Default: the text itself. */
  readonly encoding?: FrameEncoding;
}

const HEADERS = { "content-type": "text/event-stream" };

/** The answer of a call back over HTTP: frames as they come, and signs of life in between (contract/plugin-wire 3.5). */
export function openTransactionStream(options: TransactionStreamOptions): TransactionStream {
  const { encoding = plainFrames() } = options;
  const ready = Promise.withResolvers<DirectController>();
  const over = Promise.withResolvers<void>();
  const abort = new AbortController();
  let writing = 0;

  function finish(): void {
    clearTimeout(timer);
    clearInterval(beat);
    options.client.removeEventListener("abort", leave);
    over.resolve();
  }

  function leave(): void {
    abort.abort(new Error("Cannot go on with a call back: its function has hung up, or its time is over"));
    encoding.close();
    finish();
  }

  async function write(text: string): Promise<void> {
    abort.signal.throwIfAborted();
    const gone = over.promise.then(() => abort.signal.throwIfAborted());
    writing++;
    try {
      // A socket that nobody reads holds a write for as long as it likes.
      await Promise.race([push(text), gone]);
    } finally {
      writing--;
    }
  }

  async function push(text: string): Promise<void> {
    const controller = await ready.promise;
    await writeOut(controller, await encoding.encode(text));
  }

  const timer = setTimeout(leave, options.timeoutMs);
  const beat = setInterval(() => {
    if (writing > 0) return;
    // A function that is gone is noticed by its signal.
    write(KEEP_ALIVE).catch(() => undefined);
  }, options.keepAliveMs ?? KEEP_ALIVE_MS);
  options.client.addEventListener("abort", leave, { once: true });
  if (options.client.aborted) leave();

  const source = {
    type: "direct" as const,
    async pull(controller: DirectController) {
      ready.resolve(controller);
      const flushed = controller.flush();
      if (typeof flushed !== "number") await flushed;
      await over.promise;
      try {
        // What is cut off has no end that could be read.
        if (!abort.signal.aborted) await controller.write(await encoding.end());
      } finally {
        encoding.close();
        controller.close();
      }
    },
    cancel: leave,
  };
  return {
    answer: { send: write, signal: abort.signal, close: finish },
    respond: () => new Response(new ReadableStream(source), { headers: { ...HEADERS, ...encoding.headers } }),
  };
}
