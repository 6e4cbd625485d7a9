import type { DaemonMessage } from "../protocol/messages.ts";

/**
 * What waits for a plugin's pipe on behalf of sessions: one message is on its way, the others can still be taken back.
 * So nothing is sent for a session that has ended, and a plugin that reads nothing holds nothing of it.
 */
export interface Outbox {
  /** Resolves when the pipe has taken it; rejects when the transport has ended, or the owner has dropped it. */
  put(owner: object, message: DaemonMessage): Promise<void>;
  /** Takes back what waits, and lets go of what is on its way. Answers whether there was anything. */
  drop(owner: object): boolean;
}

interface Entry {
  readonly owner: object;
  readonly message: DaemonMessage;
  readonly resolve: () => void;
  readonly reject: (why: unknown) => void;
}

export function createOutbox(send: (message: DaemonMessage) => Promise<void>): Outbox {
  let waiting: Entry[] = [];
  let sending: Entry | undefined;

  async function sendAll(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      sending = next;
      try {
        await send(next.message);
        next.resolve();
      } catch (cause) {
        next.reject(cause);
      }
    }
    sending = undefined;
  }

  return {
    put(owner, message) {
      return new Promise((resolve, reject) => {
        waiting.push({ owner, message, resolve, reject });
        // It reports to each of its entries and fails by itself never.
        if (!sending) void sendAll();
      });
    },
    drop(owner) {
      const dropped = [...(sending ? [sending] : []), ...waiting].filter((entry) => entry.owner === owner);
      if (dropped.length === 0) return false;
      waiting = waiting.filter((entry) => entry.owner !== owner);
      const why = new Error("Cannot answer a call back: its session has ended");
      for (const entry of dropped) entry.reject(why);
      return true;
    },
  };
}
