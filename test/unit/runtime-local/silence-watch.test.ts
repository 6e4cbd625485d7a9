import { expect, test } from "bun:test";
import { createSilenceWatch } from "../../../src/runtime/silence-watch.ts";

function setUp() {
  let clock = 0;
  const watch = createSilenceWatch({ checkMs: 10, now: () => clock });
  return {
    sign: watch.sign,
    /** Lets time go by with a check every `stepMs`, and answers the last one. */
    pass(ms: number, stepMs = 10) {
      let silent = 0;
      for (const end = clock + ms; clock < end;) {
        clock += stepMs;
        silent = watch.check();
      }
      return silent;
    },
  };
}

test("createSilenceWatch() counts from the last sign of life", () => {
  const { sign, pass } = setUp();
  expect(pass(50)).toBe(50);
  sign();
  expect(pass(20)).toBe(20);
});

test("createSilenceWatch() counts late checks, but not the time in which this process slept", () => {
  const { pass } = setUp();
  expect(pass(60, 15)).toBe(60);
  expect(pass(100_000, 100_000)).toBe(0);
  expect(pass(30)).toBe(30);
});
