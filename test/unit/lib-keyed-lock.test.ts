import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { createKeyedLock } from "../../src/lib/keyed-lock.ts";
import { rejection } from "../support/rejection.ts";

test("run() runs work of one key one after the other, in order", async () => {
  const lock = createKeyedLock();
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run("a", async () => {
    events.push("first begins");
    await gate.promise;
    events.push("first ends");
  });
  const second = lock.run("a", async () => {
    await Promise.resolve();
    events.push("second");
  });
  const third = lock.run("a", async () => {
    await Promise.resolve();
    events.push("third");
  });
  gate.resolve();
  await Promise.all([first, second, third]);
  expect(events).toEqual(["first begins", "first ends", "second", "third"]);
});

test("run() lets other keys pass", async () => {
  const lock = createKeyedLock();
  const gate = Promise.withResolvers<void>();
  const first = lock.run("a", () => gate.promise);
  expect(await lock.run("b", async () => "passed")).toBe("passed");
  gate.resolve();
  await first;
});

test("run() settles as the work does, and a failure does not stop the next", async () => {
  const lock = createKeyedLock();
  const failing = lock.run("a", () => Promise.reject(new Error("no")));
  const next = lock.run("a", async () => 7);
  expect(await rejection(failing)).toHaveProperty("message", expect.stringContaining("no"));
  expect(await next).toBe(7);
});

test("run() frees its memory when nothing runs or waits, also after failures and aborts", async () => {
  const lock = createKeyedLock();
  const gate = Promise.withResolvers<void>();
  const controller = new AbortController();
  const settled = Promise.allSettled([
    lock.run("a", () => gate.promise),
    lock.run("a", () => Promise.reject(new Error("no"))),
    lock.run("a", async () => 1, { signal: controller.signal }),
    lock.run("b", async () => 1, { signal: AbortSignal.abort() }),
  ]);
  expect(lock.size).toBeGreaterThan(0);
  controller.abort();
  gate.resolve();
  await settled;
  expect(lock.size).toBe(0);
});

test("run() gives up waiting when its signal aborts, without running the work", async () => {
  const lock = createKeyedLock();
  const gate = Promise.withResolvers<void>();
  const controller = new AbortController();
  const first = lock.run("a", () => gate.promise);
  let ran = false;
  const second = lock.run(
    "a",
    async () => {
      ran = true;
    },
    { signal: controller.signal },
  );
  controller.abort(new Error("gone"));
  expect(await rejection(second)).toHaveProperty("message", expect.stringContaining("gone"));
  gate.resolve();
  await first;
  expect(ran).toBe(false);
});

test("run() keeps the order for who comes after one that gave up", async () => {
  const lock = createKeyedLock();
  const gate = Promise.withResolvers<void>();
  const controller = new AbortController();
  const events: string[] = [];
  const first = lock.run("a", async () => {
    await gate.promise;
    events.push("first ends");
  });
  const second = lock.run("a", async () => events.push("second"), { signal: controller.signal });
  const third = lock.run("a", async () => events.push("third"));
  controller.abort();
  expect(await rejection(second)).toBeInstanceOf(Error);
  expect(events).toEqual([]);
  gate.resolve();
  await Promise.all([first, third]);
  expect(events).toEqual(["first ends", "third"]);
});

test("run() never overlaps work of one key, whatever fails or gives up", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ key: fc.constantFrom("a", "b"), end: fc.constantFrom("ok", "fail", "abort") }), {
        maxLength: 12,
      }),
      async (scheduler, jobs) => {
        const lock = createKeyedLock();
        const running = new Map<string, number>();
        const all = jobs.map(async ({ key, end }) => {
          const controller = new AbortController();
          if (end === "abort") void scheduler.schedule(Promise.resolve()).then(() => controller.abort());
          await lock.run(
            key,
            async () => {
              const now = (running.get(key) ?? 0) + 1;
              running.set(key, now);
              expect(now).toBe(1);
              await scheduler.schedule(Promise.resolve());
              running.set(key, 0);
              if (end === "fail") throw new Error("no");
            },
            { signal: controller.signal },
          );
        });
        const settled = Promise.allSettled(all);
        await scheduler.waitFor(settled);
        for (const [index, result] of (await settled).entries()) {
          if (jobs[index]?.end === "ok") expect(result.status).toBe("fulfilled");
          if (jobs[index]?.end === "fail") expect(result.status).toBe("rejected");
        }
        expect(lock.size).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
