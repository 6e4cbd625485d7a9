import type { DaemonMessage, PluginEvent } from "../protocol/messages.ts";
import { type CloseReason, type Transport, TransportClosedError } from "./transport.ts";

export interface ExchangeTransportOptions {
  readonly label: string;
  /**
   * Makes the request and yields what comes back, until it is over: the last event is an end or an error. Told by the
   * signal when nobody wants it any more.
   */
  readonly run: (
    request: Extract<DaemonMessage, { kind: "request" }>,
    signal: AbortSignal,
  ) => AsyncIterable<readonly PluginEvent[]>;
}

/**
 * A transport of one request and its answer, as HTTP has them: the request starts the exchange, a cancel or the close
 * ends it. Nothing else can be sent.
 */
export function createExchangeTransport({ label, run }: ExchangeTransportOptions): Transport {
  const closed = Promise.withResolvers<CloseReason>();
  const abort = new AbortController();
  const asked = Promise.withResolvers<Extract<DaemonMessage, { kind: "request" }> | undefined>();
  let reason: CloseReason | undefined;

  function end(why: CloseReason): void {
    if (reason) return;
    reason = why;
    asked.resolve(undefined);
    abort.abort();
    closed.resolve(why);
  }

  async function* read(): AsyncGenerator<readonly PluginEvent[]> {
    try {
      const request = await asked.promise;
      if (!request) return;
      for await (const batch of run(request, abort.signal)) {
        if (abort.signal.aborted) return;
        yield batch;
      }
      end({ kind: "peer" });
    } catch (cause) {
      end({ kind: "broken", cause: cause instanceof Error ? cause : new Error(String(cause)) });
    } finally {
      end({ kind: "local" });
    }
  }

  return {
    label,
    incoming: { [Symbol.asyncIterator]: read },
    closed: closed.promise,
    async send(message) {
      if (message.kind === "cancel") return end({ kind: "local" });
      if (reason) throw new TransportClosedError(label, reason);
      if (message.kind !== "request") throw new Error(`Cannot send to ${label}: its answer is one way`);
      asked.resolve(message);
    },
    async close() {
      end({ kind: "local" });
    },
  };
}
