import type { Piece, Plan } from "./plan.ts";
import type { Received } from "./received.ts";

/**
 * Sends a planned response as it is taken: whoever does not read makes it wait. Notes in `received` how it went, and
 * calls `onEnd` then.
 */
export async function sendPlan(
  plan: Plan,
  options: { readonly received: Received; readonly signal: AbortSignal; readonly onEnd: () => void },
): Promise<Response> {
  const { received, signal, onEnd } = options;
  const end = (outcome: Received["outcome"]) => {
    if (received.outcome !== "open") return;
    received.outcome = outcome;
    onEnd();
  };
  signal.addEventListener("abort", () => end("left"), { once: true });
  if (plan.delayMs > 0) await pause(plan.delayMs, signal);
  received.status = plan.status;
  const pieces = plan.body[Symbol.iterator]();
  return new Response(
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          for (;;) {
            const { done, value: piece } = pieces.next();
            if (signal.aborted) return;
            if (done) {
              end("answered");
              return controller.close();
            }
            if (await send(piece, controller)) return;
          }
        },
        cancel: () => end("left"),
      },
      { highWaterMark: 0 },
    ),
    { status: plan.status, headers: plan.headers },
  );

  /** Answers whether it is enough for now. */
  async function send(
    piece: Piece,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<boolean> {
    switch (piece.kind) {
      case "bytes":
        received.sentBytes += piece.bytes.length;
        controller.enqueue(piece.bytes);
        return true;
      case "pause":
        await pause(piece.ms, signal);
        return false;
      case "silence":
        await pause(Infinity, signal);
        return true;
      case "reset":
        end("reset");
        controller.error(new Error("told to break the connection"));
        return true;
    }
  }
}

/** Ends early, and well, when the signal says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 && Number.isFinite(ms)) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(done, ms) : undefined;
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}
