import { describe, expect, test } from "bun:test";
import { DeadlineError, settlesWithin, withDeadline } from "../../src/lib/deadline.ts";
import { createRingText } from "../../src/lib/ring-text.ts";
import { createSlots } from "../../src/lib/slots.ts";

const never = new AbortController().signal;

describe("createSlots()", () => {
  test("serves by rank, then by arrival, and never more than the limit", async () => {
    const slots = createSlots(1);
    const first = await slots.acquire(() => 0, never);
    const order: string[] = [];
    const want = (name: string, rank: number) =>
      slots
        .acquire(() => rank, never)
        .then((give) => {
          order.push(name);
          give();
        });
    const all = [want("low", 0), want("low too", 0), want("high", 5)];
    expect(slots.waiting).toBe(3);
    first();
    first();
    await Promise.all(all);
    expect(order).toEqual(["high", "low", "low too"]);
  });

  test("asks for the rank when a slot gets free, not before", async () => {
    const slots = createSlots(1);
    const first = await slots.acquire(() => 0, never);
    const order: string[] = [];
    let rank = 0;
    const all = [
      slots.acquire(() => 1, never).then((give) => (order.push("a"), give())),
      slots.acquire(() => rank, never).then((give) => (order.push("b"), give())),
    ];
    rank = 2;
    first();
    await Promise.all(all);
    expect(order).toEqual(["b", "a"]);
  });

  test("forgets who gives up", async () => {
    const slots = createSlots(1);
    const first = await slots.acquire(() => 0, never);
    const gone = new AbortController();
    const waiting = slots.acquire(() => 0, gone.signal);
    gone.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    expect(slots.waiting).toBe(0);
    first();
    (await slots.acquire(() => 0, never))();
  });
});

describe("withDeadline()", () => {
  test("gives the outcome, in time or not at all", async () => {
    expect(await withDeadline(Promise.resolve(1), { what: "It", ms: 1000 })).toBe(1);
    const late = withDeadline(new Promise(() => undefined), { what: "It", ms: 1 });
    await expect(late).rejects.toThrow(DeadlineError);
    await expect(withDeadline(Promise.reject(new Error("no")), { what: "It", ms: 1000 })).rejects.toThrow(
      "no",
    );
  });

  test("ends with the signal", async () => {
    const abort = new AbortController();
    const work = withDeadline(new Promise(() => undefined), { what: "It", ms: 10_000, signal: abort.signal });
    abort.abort(new Error("left"));
    await expect(work).rejects.toThrow("left");
  });

  test("holds the work though the signal was aborted before", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const work = Promise.reject(new Error("late"));
    const given = withDeadline(work, { what: "It", ms: 1000, signal: AbortSignal.abort(new Error("left")) });
    await expect(given).rejects.toThrow("left");
    await Bun.sleep(0);
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("settlesWithin() tells whether, not how", async () => {
    expect(await settlesWithin(Promise.reject(new Error("no")), 1000)).toBe(true);
    expect(await settlesWithin(new Promise(() => undefined), 1)).toBe(false);
  });
});

describe("createRingText()", () => {
  test("keeps the end and starts at a line", () => {
    const ring = createRingText(20);
    for (let i = 0; i < 100; i++) ring.push(`line ${i}\n`);
    expect(ring.text).toBe("line 98\nline 99\n");
  });

  test("keeps everything while it fits", () => {
    const ring = createRingText(100);
    ring.push("a\n");
    ring.push("b");
    expect(ring.text).toBe("a\nb");
  });
});
