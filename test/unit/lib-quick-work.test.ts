import { expect, test } from "bun:test";
import { createQuickWork } from "../../src/lib/quick-work.ts";

/** Work that takes as long as it is told, and says where it was done. */
function stand() {
  let time = 0;
  const quick = createQuickWork({ limitMs: 2, pauseMs: 100, now: () => time });
  return {
    pass: (ms: number) => (time += ms),
    work: (ms: number, fails = false) =>
      quick.run({
        atOnce() {
          time += ms;
          if (fails) throw new Error("no file");
          return "at once";
        },
        elsewhere: async () => "elsewhere",
      }),
  };
}

test("createQuickWork() works at once while that stays within the limit", () => {
  const { work } = stand();
  expect([work(1), work(2), work(1)]).toEqual(["at once", "at once", "at once"]);
});

test("createQuickWork() works elsewhere after one that took longer, for the time of the pause", async () => {
  const { work, pass } = stand();
  expect(work(3)).toBe("at once");
  expect(await work(1)).toBe("elsewhere");
  pass(99);
  expect(await work(1)).toBe("elsewhere");
  pass(1);
  expect(work(1)).toBe("at once");
});

test("createQuickWork() counts the time of work that fails", async () => {
  const { work } = stand();
  expect(() => work(3, true)).toThrow("no file");
  expect(await work(1)).toBe("elsewhere");
});
