import { type EventRing, ringOf } from "./event-ring.ts";
import type { LiveEvent, NewLiveEvent } from "./live-event.ts";

/** What a watcher gets at once. */
export interface LiveBatch {
  /** Events that are gone: it was too slow for them, or there are too many at once. */
  readonly missed: number;
  readonly events: readonly LiveEvent[];
}

export interface WatchOptions {
  readonly pluginId: string;
  readonly tenantId: string;
  /** The last event that the watcher knows; `start`: everything that is kept, `now`: what comes from now on. */
  readonly after: number | "start" | "now";
}

/** One who watches a plugin, at its own pace. */
export interface Watch {
  /** Resolves when there is something, or with an empty batch at the end of `signal`. For one caller at a time. */
  next(signal: AbortSignal): Promise<LiveBatch>;
  /** Idempotent. */
  close(): void;
}

/** What tells events of a plugin only while somebody watches it; answers how to stop. Must not throw. */
export type LiveSource = (watched: { readonly pluginId: string; readonly tenantId: string }) => () => void;

export interface LiveEvents {
  /** Costs little when nobody watches. */
  publish(event: NewLiveEvent): void;
  watch(options: WatchOptions): Watch;
  /** Asked for every watcher from now on. */
  addSource(source: LiveSource): void;
  /** Watchers of all plugins. */
  readonly watchers: number;
}

export interface LiveEventsOptions {
  /** Events of each plugin that are kept for those who come later, or come back. */
  readonly kept: number;
  /** Of all kept events together; the plugin that was quiet for longest loses its own first. */
  readonly maxBytes: number;
  readonly now: () => number;
}

/** Of one batch; what is older is skipped, and said to be missed. */
const MAX_BATCH_BYTES = 256 * 1024;
/** A moment in which events gather, so that a busy plugin wakes its watchers seldom. */
const GATHER_MS = 15;
/** Every watcher more makes the moment longer: a thousand of them must not slow down what they watch. */
const GATHER_MS_EACH = 0.6;
/**
 * What the watchers of one plugin get together in a second, for the same reason: a plugin with thousands of calls a
 * second tells more than a thousand connections can be sent. One watcher never comes near it.
 */
const MAX_BYTES_PER_SECOND = 16 * 1024 * 1024;
/** What each gets of a moment in any case. */
const MIN_BATCH_BYTES = 8 * 1024;

/**
 * What happens to plugins, for those who watch. Nothing is queued for anybody: each plugin has one ring of its last
 * events, each watcher a place in it. Who is slow finds that events are gone, and how many.
 */
export function createLiveEvents(options: LiveEventsOptions): LiveEvents {
  /** In the order of their last events. */
  const rings = new Map<string, EventRing>();
  let heldBytes = 0;
  const sources: LiveSource[] = [];
  let watchers = 0;

  function ringFor(pluginId: string): EventRing {
    const known = rings.get(pluginId);
    if (known) return known;
    const ring = ringOf(options.kept);
    rings.set(pluginId, ring);
    return ring;
  }

  /** Its equal part of what all may get in the moment between two wakings. */
  function batchBytes({ watchers: sharers }: EventRing): number {
    const part = ((MAX_BYTES_PER_SECOND / 1000) * gatherMs(sharers)) / sharers;
    return Math.min(MAX_BATCH_BYTES, Math.max(MIN_BATCH_BYTES, Math.floor(part)));
  }

  function makeRoom(): void {
    for (const ring of rings.values()) {
      if (heldBytes <= options.maxBytes) return;
      while (heldBytes > options.maxBytes && ring.length > 0) heldBytes -= ring.drop();
    }
  }

  return {
    publish(event) {
      const ring = ringFor(event.pluginId);
      rings.delete(event.pluginId);
      rings.set(event.pluginId, ring);
      heldBytes += ring.push({ ...event, number: ring.last + 1, at: options.now() });
      if (heldBytes > options.maxBytes) makeRoom();
      if (ring.watchers > 0) ring.wakeIn(gatherMs(ring.watchers));
    },
    watch({ pluginId, tenantId, after }) {
      const ring = ringFor(pluginId);
      const mine = ({ tenantId: of }: LiveEvent) => of === undefined || of === tenantId;
      let seen =
        after === "start" ? ring.first - 1 : after === "now" ? ring.last : Math.min(after, ring.last);
      let closed = false;
      // What is kept for those who come later is read at once, and once.
      let first = true;
      ring.watchers++;
      watchers++;
      const stops = sources.map((source) => source({ pluginId, tenantId }));
      return {
        async next(signal) {
          for (;;) {
            const { missed, events: all } = ring.after(seen, first ? MAX_BATCH_BYTES : batchBytes(ring));
            first = false;
            seen = ring.last;
            // Watchers at the same place get the same list, which is made into text once.
            const events = all.every(mine) ? all : all.filter(mine);
            if (events.length > 0 || missed > 0) return { missed, events };
            if (signal.aborted) return { missed: 0, events };
            await ring.more(signal);
          }
        },
        close() {
          if (closed) return;
          closed = true;
          for (const stop of stops) stop();
          watchers--;
          ring.watchers--;
          // Of a plugin that nothing is known of nothing stays.
          if (ring.watchers === 0 && ring.last === 0) rings.delete(pluginId);
        },
      };
    },
    addSource: (source) => void sources.push(source),
    get watchers() {
      return watchers;
    },
  };
}

function gatherMs(watchers: number): number {
  return GATHER_MS + watchers * GATHER_MS_EACH;
}
