import type { LiveEvent } from "./live-event.ts";

/** The last events of one plugin. */
export interface EventRing {
  /** Numbers of the oldest event that is kept and of the newest; `first` is beyond `last` when none is. */
  readonly first: number;
  readonly last: number;
  readonly length: number;
  watchers: number;
  /** Answers by how many bytes it has grown. */
  push(event: LiveEvent): number;
  /** Drops the oldest; answers its bytes. */
  drop(): number;
  /** The events behind that number, of which the older ones are left out above `maxBytes`. */
  after(number: number, maxBytes: number): { readonly missed: number; readonly events: readonly LiveEvent[] };
  /** Wakes all who wait, once, after a moment. */
  wakeIn(ms: number): void;
  /** Resolves with the next waking, or with the signal. */
  more(signal: AbortSignal): Promise<void>;
}

const NONE: readonly LiveEvent[] = [];

export function ringOf(capacity: number): EventRing {
  /** By number, modulo the capacity. */
  const slots: (LiveEvent | undefined)[] = [];
  let first = 1;
  let last = 0;
  let woken = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What was asked for last: most watchers ask for the same. */
  let asked = { number: -1, last: -1, maxBytes: -1, answer: { missed: 0, events: NONE } };

  function drop(): number {
    const slot = first % capacity;
    const bytes = slots[slot]?.bytes ?? 0;
    slots[slot] = undefined;
    first++;
    return bytes;
  }

  return {
    get first() {
      return first;
    },
    get last() {
      return last;
    },
    get length() {
      return last - first + 1;
    },
    watchers: 0,
    push(event) {
      const freed = last - first + 1 >= capacity ? drop() : 0;
      last = event.number;
      slots[last % capacity] = event;
      return event.bytes - freed;
    },
    drop,
    after(number, maxBytes) {
      if (number >= last) return { missed: 0, events: NONE };
      if (asked.number === number && asked.last === last && asked.maxBytes === maxBytes) return asked.answer;
      const events: LiveEvent[] = [];
      let bytes = 0;
      let at = last;
      for (; at > number && at >= first; at--) {
        const event = slots[at % capacity];
        if (!event) break;
        bytes += event.bytes;
        // One is let through whatever its size, or it would never be seen.
        if (bytes > maxBytes && events.length > 0) break;
        events.push(event);
      }
      const answer = { missed: Math.max(0, at - number), events: events.reverse() };
      asked = { number, last, maxBytes, answer };
      return answer;
    },
    wakeIn(ms) {
      timer ??= setTimeout(() => {
        timer = undefined;
        const { resolve } = woken;
        woken = Promise.withResolvers<void>();
        resolve();
      }, ms);
    },
    async more(signal) {
      const gone = Promise.withResolvers<void>();
      const leave = () => gone.resolve();
      signal.addEventListener("abort", leave, { once: true });
      await Promise.race([woken.promise, gone.promise]);
      signal.removeEventListener("abort", leave);
    },
  };
}
