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

/** Bodies that say they are smaller come in at once: reading those in pieces is most of what a small hook costs. */
const SMALL_BYTES = 64 * 1024;

export function createHookBodies({ maxBytes, maxHeldBytes, timeoutMs }: HookBodiesOptions): HookBodies {
  let heldBytes = 0;

  /** `hold` is told of every piece, and answers all that this request holds. */
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
        const { done, value } = await inTime(reader.read(), ms);
        if (done) return chunks.length === 1 ? (chunks[0] ?? NOTHING) : Buffer.concat(chunks);
        if (hold(value.byteLength) > maxBytes) throw tooLarge(maxBytes);
        if (heldBytes > maxHeldBytes) throw overloaded();
        chunks.push(value);
      }
    } catch (cause) {
      // What is still to come is thrown away where it arrives; nobody waits for that.
      reader.cancel().catch(() => undefined);
      throw cause;
    }
  }

  async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
    try {
      return await withDeadline(work, { what: "The body", ms });
    } catch (cause) {
      if (!(cause instanceof DeadlineError)) throw cause;
      throw new DaemonError(
        "bad_request",
        `Cannot read the body: it took longer than ${timeoutMs / 1000} s (PLUGIN_MAX_EXECUTION_TIMEOUT)`,
      );
    }
  }

  return {
    async use(request, work) {
      const announced = Number(request.headers.get("content-length") ?? Number.NaN);
      if (announced > maxBytes) throw tooLarge(maxBytes);
      let ours = 0;
      const hold = (bytes: number) => {
        heldBytes += bytes;
        return (ours += bytes);
      };
      try {
        if (!request.body) return await work(NOTHING);
        if (!(announced <= SMALL_BYTES)) return await work(await read(request.body, hold));
        hold(announced);
        if (heldBytes > maxHeldBytes) throw overloaded();
        return await work(await inTime(request.bytes(), timeoutMs));
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
