import { createEventBuffer } from "better-sse";

/** An event stream whose events are JSON values, for one client. */
export interface EventLines {
  readonly response: Response;
  /**
   * What a client does not read is kept up to a bound; then it is told how many it has missed. A vital event is never
   * missed.
   */
  send(value: unknown, options?: { readonly vital: boolean }): void;
  /** Ends the stream behind what was sent. Idempotent. */
  end(): void;
  /** Aborts when the client leaves. */
  readonly left: AbortSignal;
}

const MAX_WAITING = 1000;
const PING_MS = 15_000;

/**
 * For what people and daemons watch: progress and logs. A stream that has nothing to say says `ping`, so that nothing
 * between takes it for dead.
 */
export function openEventLines(options: {
  /** The event that stands for `missed` others; without it they are left out silently. */
  readonly missed?: (missed: number) => unknown;
  /** The text that is sent when nothing else is. */
  readonly ping: string;
  /** The head goes out with the first byte: whoever has to know at once that it does, gets this one. */
  readonly greeting?: string;
}): EventLines {
  const left = new AbortController();
  const encoder = new TextEncoder();
  const waiting: string[] = options.greeting === undefined ? [] : [options.greeting];
  let missed = 0;
  let ended = false;
  let wake: (() => void) | undefined;
  const timer = setInterval(() => {
    if (waiting.length === 0) put(options.ping);
  }, PING_MS);

  function put(text: string, vital = false): void {
    if (ended || left.signal.aborted) return;
    if (waiting.length < MAX_WAITING || vital) waiting.push(text);
    else if (options.missed) missed++;
    wake?.();
  }

  const isQuiet = () => waiting.length === 0 && missed === 0 && !ended && !left.signal.aborted;

  function take(): string {
    let text = waiting.join("");
    waiting.length = 0;
    if (missed > 0 && options.missed) text += frame(options.missed(missed));
    missed = 0;
    return text;
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      while (isQuiet()) await new Promise<void>((resolve) => (wake = resolve));
      if (left.signal.aborted) return;
      const text = take();
      if (text !== "") controller.enqueue(encoder.encode(text));
      else controller.close();
    },
    cancel() {
      clearInterval(timer);
      left.abort();
      wake?.();
    },
  });

  return {
    response: new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
    }),
    send: (value, how) => put(frame(value), how?.vital),
    end() {
      ended = true;
      clearInterval(timer);
      wake?.();
    },
    left: left.signal,
  };
}

/** Without a name or an id: daemons take every line that is no JSON for noise. */
function frame(value: unknown): string {
  return createEventBuffer().data(value).dispatch().read();
}
