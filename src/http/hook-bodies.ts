import { DeadlineError, withDeadline } from "../lib/deadline.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

export interface HookBodiesOptions {
  /** Of one request. */
  readonly maxBytes: number;
  /** Of all requests together that are being read, or wait for their plugin. */
  readonly maxHeldBytes: number;
  /** Longest time for one body. */
  readonly timeoutMs: number;
}

/**
 * Bodies of requests that anybody may send: a plugin takes each as a whole, in one message, so they are held meanwhile.
 */
export interface HookBodies {
  /**
   * Reads the body and works on it, which counts as held until the work is done. Throws `too_large` as soon as that is
   * known, where the reference cuts the rest off, and `overloaded`.
   */
  use<T>(request: Request, work: (body: Uint8Array) => Promise<T>): Promise<T>;
}

const NOTHING = new Uint8Array();

export function createHookBodies({ maxBytes, maxHeldBytes, timeoutMs }: HookBodiesOptions): HookBodies {
  let heldBytes = 0;

  /** `hold` is told of every piece. */
  async function read(
    body: ReadableStream<Uint8Array>,
    hold: (bytes: number) => number,
  ): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const reader = body.getReader();
    const giveUp = performance.now() + timeoutMs;
    try {
      for (;;) {
        const ms = Math.max(0, giveUp - performance.now());
        const { done, value } = await withDeadline(reader.read(), { what: "The body", ms });
        if (done) return chunks.length === 1 ? (chunks[0] ?? NOTHING) : Buffer.concat(chunks);
        if (hold(value.byteLength) > maxBytes) throw tooLarge(maxBytes);
        if (heldBytes > maxHeldBytes) throw overloaded();
        chunks.push(value);
      }
    } catch (cause) {
      // What is still to come is thrown away where it arrives; nobody waits for that.
      reader.cancel().catch(() => undefined);
      if (cause instanceof DeadlineError)
        throw new DaemonError(
          "bad_request",
          `Cannot read the body: it took longer than ${timeoutMs / 1000} s (PLUGIN_MAX_EXECUTION_TIMEOUT)`,
        );
      throw cause;
    }
  }

  return {
    async use(request, work) {
      if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
      let ours = 0;
      const hold = (bytes: number) => {
        heldBytes += bytes;
        return (ours += bytes);
      };
      try {
        return await work(request.body ? await read(request.body, hold) : NOTHING);
      } finally {
        heldBytes -= ours;
      }
    },
  };
}

function tooLarge(maxBytes: number): DaemonError {
  return new DaemonError("too_large", `Cannot take a body of more than ${maxBytes} bytes`);
}

function overloaded(): DaemonError {
  return new DaemonError("overloaded", "Cannot take more requests with a body now; try again later");
}
