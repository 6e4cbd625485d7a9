import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createAnswerWindow } from "../../../src/session/answer-window.ts";

/** Whether a promise is settled by now. */
async function settled(work: Promise<void>): Promise<boolean> {
  return Promise.race([work.then(() => true), Bun.sleep(0).then(() => false)]);
}

describe("createAnswerWindow()", () => {
  test("lets everybody read below the limit", async () => {
    const window = createAnswerWindow(100);
    const [a, b] = [window.enter(), window.enter()];
    expect(await settled(a.grow(50))).toBe(true);
    expect(await settled(b.grow(50))).toBe(true);
    expect(window.heldBytes).toBe(100);
  });

  test("above it one call goes on at a time, the one that asked first", async () => {
    const window = createAnswerWindow(100);
    const [a, b, c] = [window.enter(), window.enter(), window.enter()];
    await a.grow(90);
    // The first above the limit goes on, so that an answer of any size gets through.
    expect(await settled(b.grow(20))).toBe(true);
    expect(await settled(b.grow(1000))).toBe(true);
    const [first, second] = [a.grow(1), c.grow(1)];
    expect(await settled(first)).toBe(false);
    b.leave();
    expect(await settled(first)).toBe(true);
    expect(await settled(second)).toBe(true);
  });

  test("whoever leaves frees its bytes and waits no more", async () => {
    const window = createAnswerWindow(10);
    const [a, b] = [window.enter(), window.enter()];
    await a.grow(100);
    const waiting = b.grow(1);
    expect(await settled(waiting)).toBe(false);
    b.leave();
    expect(await settled(waiting)).toBe(true);
    expect(window.heldBytes).toBe(100);
    a.leave();
    a.leave();
    expect(window.heldBytes).toBe(0);
  });

  test("a stream that gives back what was taken lets the others go on", async () => {
    const window = createAnswerWindow(10);
    const [a, b] = [window.enter(), window.enter()];
    await a.grow(100);
    const waiting = b.grow(5);
    a.shrink(100);
    expect(await settled(waiting)).toBe(true);
  });

  test("never stops for good while its calls go on, and forgets nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }), {
          maxLength: 12,
        }),
        async (calls) => {
          const window = createAnswerWindow(100);
          await Promise.all(
            calls.map(async (pieces) => {
              const hold = window.enter();
              for (const piece of pieces) await hold.grow(piece);
              hold.leave();
            }),
          );
          expect(window.heldBytes).toBe(0);
        },
      ),
    );
  });
});
