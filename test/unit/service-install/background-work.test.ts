import { expect, test } from "bun:test";
import { createBackgroundWork } from "../../../src/service/background-work.ts";
import { createLog } from "./support.ts";

test("close() aborts the work and waits for its end", async () => {
  const work = createBackgroundWork({ logger: createLog() });
  let ended = false;
  work.start("slow", async (signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve());
    await promise;
    await Promise.resolve();
    ended = true;
  });
  await work.close();
  expect(ended).toBe(true);
  await work.close();
});

test("close() waits for work that other work started", async () => {
  const work = createBackgroundWork({ logger: createLog() });
  const seen: string[] = [];
  work.start("outer", async () => {
    await Promise.resolve();
    work.start("inner", async (signal) => {
      await Promise.resolve();
      seen.push(`inner, aborted ${signal.aborted}`);
    });
  });
  await work.close();
  expect(seen).toEqual(["inner, aborted true"]);
});

test("start() logs a failure under the name of the work and goes on", async () => {
  const logger = createLog();
  const work = createBackgroundWork({ logger });
  work.start("sweep", () => Promise.reject(new Error("disk full")));
  await work.idle();
  expect(logger.lines).toEqual(['Background work "sweep" failed']);
});

test("repeat() runs again after a failure, until close()", async () => {
  const logger = createLog();
  const work = createBackgroundWork({ logger });
  const { promise: third, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  work.repeat("sweep", 1, async () => {
    runs++;
    if (runs === 3) resolve();
    throw new Error("no");
  });
  await third;
  await work.close();
  const atClose = runs;
  await work.idle();
  expect(runs).toBe(atClose);
  expect(logger.lines).toHaveLength(atClose);
});
