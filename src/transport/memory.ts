import type { DaemonMessage, PluginEvent } from "../protocol/messages.ts";
import { type CloseReason, type Transport, TransportClosedError } from "./transport.ts";

/** The plugin's side of a memory transport, for tests. */
export interface MemoryPeer {
  /** What the daemon sent, in order. */
  readonly received: readonly DaemonMessage[];
  /** Resolves with the next message that arrives. */
  next(): Promise<DaemonMessage>;
  /** Hands a batch to the daemon; resolves when the daemon pulled it. */
  emit(...events: PluginEvent[]): Promise<void>;
  hangUp(reason?: CloseReason): void;
}

/** A transport without bytes: both ends in one process. */
export function createMemoryTransport(): { transport: Transport; peer: MemoryPeer } {
  const label = "memory";
  const received: DaemonMessage[] = [];
  const waiting: ((message: DaemonMessage) => void)[] = [];
  const unread: DaemonMessage[] = [];
  const queue: { events: readonly PluginEvent[]; pulled: () => void }[] = [];
  const closed = Promise.withResolvers<CloseReason>();
  let wake = Promise.withResolvers<void>();
  let reason: CloseReason | undefined;

  function end(why: CloseReason): void {
    reason ??= why;
    closed.resolve(reason);
    wake.resolve();
  }

  async function* read(): AsyncGenerator<readonly PluginEvent[]> {
    for (;;) {
      const head = queue.shift();
      if (head) {
        head.pulled();
        yield head.events;
      } else if (reason) {
        return;
      } else {
        wake = Promise.withResolvers<void>();
        await wake.promise;
      }
    }
  }

  const transport: Transport = {
    label,
    incoming: { [Symbol.asyncIterator]: read },
    closed: closed.promise,
    async send(message) {
      if (reason) throw new TransportClosedError(label, reason);
      received.push(message);
      const waiter = waiting.shift();
      if (waiter) waiter(message);
      else unread.push(message);
    },
    async close() {
      end({ kind: "local" });
    },
  };
  const peer: MemoryPeer = {
    received,
    next() {
      const message = unread.shift();
      return message ? Promise.resolve(message) : new Promise((resolve) => waiting.push(resolve));
    },
    emit(...events) {
      return new Promise((pulled) => {
        queue.push({ events, pulled });
        wake.resolve();
      });
    },
    hangUp(why = { kind: "peer" }) {
      end(why);
    },
  };
  return { transport, peer };
}
