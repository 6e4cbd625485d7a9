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

test("createQuickWork() works at once while that is quick, and after one that was not", () => {
  const { work } = stand();
  const long = [1, 2, 20, 1, 1];
  expect(long.map((ms) => work(ms))).toEqual(long.map(() => "at once"));
});

test("createQuickWork() works elsewhere once the average is above the limit, for the time of the pause", async () => {
  const { work, pass } = stand();
  expect(work(33)).toBe("at once");
  expect(await work(1)).toBe("elsewhere");
  pass(99);
  expect(await work(1)).toBe("elsewhere");
  pass(1);
  expect(work(1)).toBe("at once");
});

test("createQuickWork() notices many that are a little too slow", async () => {
  const { work } = stand();
  const places = await Promise.all(Array.from({ length: 50 }, () => work(3)));
  expect([places[0], places.at(-1)]).toEqual(["at once", "elsewhere"]);
});

test("createQuickWork() counts the time of work that fails", async () => {
  const { work } = stand();
  expect(() => work(33, true)).toThrow("no file");
  expect(await work(1)).toBe("elsewhere");
});
