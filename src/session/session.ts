import type { PluginError } from "../protocol/plugin-error.ts";
import { type Budget, type BudgetHolder } from "./budget.ts";
import {
  type Invocation,
  type InvocationEnd,
  type ItemDecoder,
  ItemError,
  type Taken,
} from "../protocol/invocation.ts";

/** A session from the plugin's side: what `sessions.ts` feeds. */
export interface Session extends BudgetHolder {
  readonly invocation: Invocation;
  deliver(value: unknown, raw: string): void;
  /** The first end counts. What is queued is still handed over, unless the end says that nobody wants it. */
  end(end: InvocationEnd): void;
  /** Its limit in time rests while somebody looks at it in a debugger, until it is told to go on or gives an item. */
  pauseLimit(): void;
  resumeLimit(): void;
  readonly limitPaused: boolean;
}

export interface SessionOptions {
  readonly sessionId: string;
  readonly decodeItem: ItemDecoder;
  readonly budget: Budget;
  /** Counted from `start`. */
  readonly timeoutMs: number;
  /** Called once, when the first item is there and somebody waits for it or comes for it. */
  readonly onFirstItem?: (() => void) | undefined;
  /** Called once, when the session ends for whatever reason. Its client may not have taken everything by then. */
  readonly onEnd: (end: InvocationEnd) => void;
  /** Called once, when it has ended and holds nothing any more. */
  readonly onReleased: () => void;
  /** The error that an eviction puts last on the stream. */
  readonly evictionError: (heldBytes: number) => PluginError;
}

const NO_ITEMS: readonly string[] = [];
/** Characters handed over at once, so that what a stuck client's socket holds stays small beside the budget. */
const TAKE_BYTES = 1024 * 1024;

/** One call of a plugin: a bounded queue between its answers and the one who reads them. */
export function createSession(options: SessionOptions): Session {
  const { budget, decodeItem } = options;
  const ended = Promise.withResolvers<InvocationEnd>();
  const delivered = { items: 0, bytes: 0 };
  let queue: string[] = [];
  let queuedBytes = 0;
  let takenBytes = 0;
  let finished: InvocationEnd | undefined;
  let released = false;
  let firstItemTold = false;
  let waiter: (() => void) | undefined;
  let restMs = options.timeoutMs;
  let startedAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined = startTimer();

  function startTimer(): ReturnType<typeof setTimeout> {
    startedAt = performance.now();
    return setTimeout(() => end({ kind: "timeout" }), restMs);
  }

  function resumeLimit(): void {
    if (!finished) timer ??= startTimer();
  }

  function wake(): void {
    waiter?.();
    waiter = undefined;
  }

  /** Nobody wants it any more. */
  function drop(): void {
    const bytes = queuedBytes + takenBytes;
    queue = [];
    queuedBytes = 0;
    takenBytes = 0;
    if (bytes > 0) budget.release(bytes);
    tellReleased();
  }

  function releaseTaken(): void {
    const bytes = takenBytes;
    takenBytes = 0;
    if (bytes > 0) budget.release(bytes);
    tellReleased();
  }

  function tellReleased(): void {
    if (released || !finished || queuedBytes + takenBytes > 0) return;
    released = true;
    options.onReleased();
  }

  function end(why: InvocationEnd): void {
    if (finished) return;
    finished = why;
    clearTimeout(timer);
    options.onEnd(why);
    ended.resolve(why);
    if (why.kind === "cancelled" || why.kind === "overflow") drop();
    else tellReleased();
    wake();
  }

  /** Not with every item: most are delivered while others wait already. */
  function tellFirstItem(): void {
    if (firstItemTold) return;
    firstItemTold = true;
    options.onFirstItem?.();
  }

  function takeQueued(): readonly string[] {
    if (queue.length === 0) return NO_ITEMS;
    tellFirstItem();
    let items = queue;
    let bytes = queuedBytes;
    if (bytes > TAKE_BYTES) {
      let count = 0;
      for (bytes = 0; count < queue.length && bytes < TAKE_BYTES; count++) bytes += queue[count]?.length ?? 0;
      items = queue.splice(0, count);
    } else {
      queue = [];
    }
    queuedBytes -= bytes;
    takenBytes = bytes;
    return items;
  }

  function hand(): Taken {
    const items = takeQueued();
    if (!finished || queue.length > 0) return { items };
    // The last hand-over: nobody will say that these were delivered.
    releaseTaken();
    return { items, end: finished };
  }

  const invocation: Invocation = {
    sessionId: options.sessionId,
    ended: ended.promise,
    delivered,
    take() {
      releaseTaken();
      if (queue.length > 0 || finished) return Promise.resolve(hand());
      return new Promise((resolve) => {
        waiter = () => resolve(hand());
      });
    },
    cancel() {
      end({ kind: "cancelled" });
      // Also when the plugin ended the call before: what its client left unread must not weigh on the others for good.
      drop();
    },
  };

  return {
    invocation,
    get heldBytes() {
      return queuedBytes + takenBytes;
    },
    get open() {
      return finished === undefined;
    },
    evict() {
      const overflow = { kind: "overflow", error: options.evictionError(queuedBytes + takenBytes) } as const;
      end(overflow);
      // A call that the plugin ended before loses the rest of its answer, so its client must not see a success.
      finished = overflow;
      drop();
    },
    pauseLimit() {
      if (finished || timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      restMs = Math.max(0, restMs - (performance.now() - startedAt));
    },
    resumeLimit,
    get limitPaused() {
      return finished === undefined && timer === undefined;
    },
    deliver(value, raw) {
      if (finished) return;
      if (timer === undefined) resumeLimit();
      let text: string | undefined;
      try {
        text = decodeItem(value, raw);
      } catch (cause) {
        // Anything but an `ItemError` is a fault of ours; it ends this call and no other.
        const error =
          cause instanceof ItemError
            ? cause.error
            : {
                error_type: "PluginDaemonInnerError",
                message: `Cannot decode an item: ${String(cause)}`,
                args: {},
              };
        end({ kind: "plugin_error", error });
        return;
      }
      if (text === undefined) return;
      queue.push(text);
      queuedBytes += text.length;
      delivered.items++;
      delivered.bytes += text.length;
      budget.add(text.length);
      // Resolves a promise: the reader runs after the whole batch was delivered, and takes it at once.
      if (waiter) wakeLater();
    },
    end,
  };

  function wakeLater(): void {
    tellFirstItem();
    const wakeUp = waiter;
    waiter = undefined;
    if (wakeUp) queueMicrotask(wakeUp);
  }
}
