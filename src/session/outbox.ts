import type { DaemonMessage } from "../protocol/messages.ts";

export type AnswerMessage = Extract<DaemonMessage, { readonly kind: "backwards_response" }>;

/**
 * What waits for a plugin's pipe on behalf of sessions: a few messages are on their way, the others can still be taken
 * back. So nothing is sent for a session that has ended, and a plugin that reads nothing holds nothing of it.
 */
export interface Outbox {
  /** Resolves when the pipe has taken it; rejects when the transport has ended, or the owner has dropped it. */
  put(owner: object, message: AnswerMessage): Promise<void>;
  /** Takes back what waits, and lets go of what is on its way. Answers whether there was anything. */
  drop(owner: object): boolean;
}

interface Entry {
  readonly owner: object;
  readonly message: AnswerMessage;
  readonly resolve: () => void;
  readonly reject: (why: unknown) => void;
}

/** On their way together; a message alone may be larger. */
const MAX_BATCH_CHARS = 64 * 1024;

export function createOutbox(send: (message: AnswerMessage) => Promise<void>): Outbox {
  let waiting: Entry[] = [];
  let sending: readonly Entry[] = [];
  let running = false;

  function take(): readonly Entry[] {
    let count = 0;
    for (let chars = 0; count < waiting.length; count++) {
      chars += waiting[count]?.message.data.length ?? 0;
      if (chars > MAX_BATCH_CHARS && count > 0) break;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  /** Reports to each entry and never fails by itself. */
  async function sendAll(): Promise<void> {
    // What is put in the same turn goes out together: a pipe takes many messages at the price of one.
    await Promise.resolve();
    for (sending = take(); sending.length > 0; sending = take())
      await Promise.all(sending.map(({ message, resolve, reject }) => send(message).then(resolve, reject)));
    running = false;
  }

  return {
    put(owner, message) {
      return new Promise((resolve, reject) => {
        waiting.push({ owner, message, resolve, reject });
        if (running) return;
        running = true;
        void sendAll();
      });
    },
    drop(owner) {
      const dropped = [...sending, ...waiting].filter((entry) => entry.owner === owner);
      if (dropped.length === 0) return false;
      waiting = waiting.filter((entry) => entry.owner !== owner);
      const why = new Error("Cannot answer a call back: its session has ended");
      for (const entry of dropped) entry.reject(why);
      return true;
    },
  };
}
