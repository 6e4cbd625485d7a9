import { createEventBuffer } from "better-sse";
import type { LiveEvent } from "../service/live-event.ts";
import type { LiveBatch, Watch } from "../service/live-events.ts";
import { type DirectController, writeOut } from "./direct-controller.ts";

export interface WatchStreamsOptions {
  /** Tells the events of this daemon from those of the one before: `RUN-NUMBER` is an event's id. */
  readonly run: string;
  readonly keepAliveMs: number;
}

export interface WatchStreamOptions {
  readonly watch: Watch;
  /** The client has left, or the daemon leaves. */
  readonly signal: AbortSignal;
  /** False: ends when everything that is there has been sent. */
  readonly follow: boolean;
}

export type WatchStreams = (options: WatchStreamOptions) => Response;

const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache" };

/**
 * Answers with what a watcher sees, as an event stream at the client's pace: while a client does not read, nothing is
 * kept for it, and it is told afterwards how much it missed (`missed`, with a `count`).
 */
export function createWatchStreams({ run, keepAliveMs }: WatchStreamsOptions): WatchStreams {
  /** Of lists of events that many watchers get. */
  const texts = new WeakMap<readonly LiveEvent[], string>();

  function textOf(events: readonly LiveEvent[]): string {
    const known = texts.get(events);
    if (known !== undefined) return known;
    const buffer = createEventBuffer();
    for (const event of events) buffer.push(bodyOf(event), event.type, `${run}-${event.number}`);
    const text = buffer.read();
    texts.set(events, text);
    return text;
  }

  function batchText({ missed, events }: LiveBatch): string {
    const text = textOf(events);
    if (missed === 0) return text;
    return createEventBuffer().event("missed").data({ count: missed }).dispatch().read() + text;
  }

  async function send(
    { watch, follow }: WatchStreamOptions,
    { controller, signal }: { readonly controller: DirectController; readonly signal: AbortSignal },
  ): Promise<void> {
    let writing = false;
    async function write(text: string): Promise<void> {
      writing = true;
      try {
        await writeOut(controller, text);
      } finally {
        writing = false;
      }
    }
    const beat = setInterval(() => {
      // A client that does not read needs no more to read; one that is gone is noticed by the loop.
      if (!writing) write(": still there\n\n").catch(() => undefined);
    }, keepAliveMs);
    const end = follow ? signal : AbortSignal.abort();
    try {
      // The head goes out with the first byte, and who watches wants to know that it does.
      await write(": watching\n\n");
      while (!signal.aborted) {
        const text = batchText(await watch.next(end));
        if (text !== "") await write(text);
        if (!follow) break;
      }
    } finally {
      clearInterval(beat);
      watch.close();
      controller.close();
    }
  }

  return (options) => {
    const left = new AbortController();
    const signal = AbortSignal.any([options.signal, left.signal]);
    const source = {
      type: "direct" as const,
      pull: (controller: DirectController) => send(options, { controller, signal }),
      cancel: () => left.abort(),
    };
    return new Response(new ReadableStream(source), { headers: HEADERS });
  };
}

function bodyOf({ at, pluginId, tenantId, data }: LiveEvent): Readonly<Record<string, unknown>> {
  return { at: new Date(at).toISOString(), plugin_id: pluginId, tenant_id: tenantId ?? null, ...data };
}
