import { describe, expect, test } from "bun:test";
import type { NewLiveEvent } from "../../../src/service/live-event.ts";
import { createLiveEvents } from "../../../src/service/live-events.ts";

const never = new AbortController().signal;
const over = AbortSignal.abort();

const event = (n: number, more: Partial<NewLiveEvent> = {}): NewLiveEvent => ({
  pluginId: "a/b",
  tenantId: undefined,
  type: "log",
  data: { n },
  bytes: 100,
  ...more,
});

function setUp(options: { kept?: number; maxBytes?: number } = {}) {
  const events = createLiveEvents({ kept: 5, maxBytes: 1_000_000, now: () => 7, ...options });
  const publish = (...numbers: number[]) => {
    for (const n of numbers) events.publish(event(n));
  };
  const watch = (after: number | "start" | "now" = "start", tenantId = "t", pluginId = "a/b") => {
    const one = events.watch({ pluginId, tenantId, after });
    return {
      ...one,
      async read(signal: AbortSignal = over) {
        const { missed, events: seen } = await one.next(signal);
        return [missed, ...seen.map(({ data }) => data["n"])];
      },
    };
  };
  return { events, publish, watch };
}

describe("createLiveEvents()", () => {
  test("gives a watcher what is kept, then what comes, in order and numbered without a gap", async () => {
    const { publish, watch } = setUp();
    publish(1, 2);
    const one = watch();
    expect(await one.read()).toEqual([0, 1, 2]);
    const next = one.next(never);
    publish(3, 4);
    const batch = await next;
    expect(batch.events.map(({ number, at, data }) => [number, at, data["n"]])).toEqual([
      [3, 7, 3],
      [4, 7, 4],
    ]);
    expect(await one.read()).toEqual([0]);
  });

  test("from now on shows nothing of what was, and after a number only what came behind it", async () => {
    const { publish, watch } = setUp();
    publish(1, 2, 3);
    const [fresh, known, ahead] = [watch("now"), watch(2), watch(99)];
    publish(4);
    expect(await fresh.read()).toEqual([0, 4]);
    expect(await known.read()).toEqual([0, 3, 4]);
    expect(await ahead.read()).toEqual([0, 4]);
  });

  test("tells a watcher that was too slow how many events are gone, and holds nothing for it", async () => {
    const { publish, watch } = setUp({ kept: 3 });
    const slow = watch("now");
    publish(1, 2, 3, 4, 5);
    expect(await slow.read()).toEqual([2, 3, 4, 5]);
  });

  test("skips the older ones of too many at once, and lets a single large one through", async () => {
    const { events, watch } = setUp({ kept: 100 });
    const one = watch("now");
    for (let n = 1; n <= 4; n++) events.publish(event(n, { bytes: 100_000 }));
    expect(await one.read()).toEqual([2, 3, 4]);
    events.publish(event(5, { bytes: 900_000 }));
    expect(await one.read()).toEqual([0, 5]);
  });

  test("gives the many watchers of a busy plugin a part each, and everything that is kept at first", async () => {
    const { events, watch } = setUp({ kept: 200 });
    const publish = () => {
      for (let n = 1; n <= 100; n++) events.publish(event(n, { bytes: 1000 }));
    };
    publish();
    const [one, two] = Array.from({ length: 1000 }, () => watch());
    expect(await one?.read()).toHaveLength(101);
    publish();
    const [missed, ...seen] = (await one?.read()) ?? [];
    expect(seen.length).toBeLessThan(20);
    expect([Number(missed) + seen.length, seen.at(-1)]).toEqual([100, 100]);
    expect(await two?.read()).toHaveLength(201);
  });

  test("shows a tenant its own events and those of everybody, of one plugin", async () => {
    const { events, watch } = setUp();
    const [mine, others, plugin] = [watch(), watch("start", "u"), watch("start", "t", "a/c")];
    events.publish(event(1, { tenantId: "t" }));
    events.publish(event(2));
    events.publish(event(3, { tenantId: "u" }));
    events.publish(event(4, { pluginId: "a/c" }));
    expect(await mine.read()).toEqual([0, 1, 2]);
    expect(await others.read()).toEqual([0, 2, 3]);
    expect(await plugin.read()).toEqual([0, 4]);
  });

  test("bounds what is kept of all plugins together: the one that was quiet for longest gives first", async () => {
    const { events, publish, watch } = setUp({ maxBytes: 400 });
    publish(1, 2);
    for (const n of [3, 4, 5]) events.publish(event(n, { pluginId: "a/c" }));
    expect(await watch().read()).toEqual([0, 2]);
    events.publish(event(6, { pluginId: "a/c" }));
    events.publish(event(7, { pluginId: "a/c" }));
    expect(await watch().read()).toEqual([0]);
    expect(await watch("start", "t", "a/c").read()).toEqual([0, 4, 5, 6, 7]);
  });

  test("watchers at the same place get the very same list, which is made into text once", async () => {
    const { publish, watch } = setUp();
    const [one, two] = [watch("now"), watch("now")];
    publish(1, 2);
    expect((await one.next(over)).events).toBe((await two.next(over)).events);
  });

  test("a wait ends with its signal, and a watcher that closes is counted no more", async () => {
    const { events, watch } = setUp();
    const one = watch();
    expect(events.watchers).toBe(1);
    const gone = new AbortController();
    const waiting = one.read(gone.signal);
    gone.abort();
    expect(await waiting).toEqual([0]);
    one.close();
    one.close();
    expect(events.watchers).toBe(0);
  });
});
