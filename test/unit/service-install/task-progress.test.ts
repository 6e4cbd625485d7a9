import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { createTaskProgress, quarterSecond, stageMessage } from "../../../src/service/task-progress.ts";
import { createLog } from "./support.ts";

const ITEM = { taskId: "t", identifier: "i" };

/** Records what is written; `next()` lets the pause between two messages end. */
function createRecorder() {
  const written: string[] = [];
  let release: () => void = () => undefined;
  return {
    written,
    next: () => release(),
    tasks: {
      async updateItem(_id: string, _identifier: string, change: { status?: string; message?: string }) {
        written.push(`${change.status}: ${change.message}`);
      },
    },
    pause: (signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        release = resolve;
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      }),
  };
}

test("say() writes the first message at once, then only the latest of each interval", async () => {
  const recorder = createRecorder();
  const progress = createTaskProgress(ITEM, { ...recorder, logger: createLog() });
  progress.say("starting");
  expect(recorder.written).toEqual(["running: starting"]);
  await Promise.resolve();
  for (let i = 0; i < 100; i++) progress.say(`dependencies: ${i}`);
  expect(recorder.written).toHaveLength(1);
  recorder.next();
  await Bun.sleep(0);
  expect(recorder.written).toEqual(["running: starting", "running: dependencies: 99"]);
});

test("finish() does not wait for the interval, lands last and ends the messages", async () => {
  const recorder = createRecorder();
  const progress = createTaskProgress(ITEM, { ...recorder, logger: createLog() });
  progress.say("starting");
  progress.say("compile");
  await progress.finish("success", "installed");
  progress.say("too late");
  await Bun.sleep(0);
  expect(recorder.written).toEqual(["running: starting", "success: installed"]);
});

test("finish() waits for a write that is under way, so that the end is never overwritten", async () => {
  const gate = Promise.withResolvers<void>();
  const written: string[] = [];
  const tasks = {
    async updateItem(_id: string, _identifier: string, change: { message?: string }) {
      if (change.message === "starting") await gate.promise;
      written.push(change.message ?? "");
    },
  };
  const progress = createTaskProgress(ITEM, { tasks, pause: async () => undefined, logger: createLog() });
  progress.say("starting");
  const end = progress.finish("failed", "no");
  gate.resolve();
  await end;
  expect(written).toEqual(["starting", "no"]);
});

test("say() survives a message that cannot be written; finish() does not hide it", async () => {
  const logger = createLog();
  const tasks = { updateItem: () => Promise.reject(new Error("locked")) };
  const progress = createTaskProgress(ITEM, { tasks, pause: async () => undefined, logger });
  progress.say("starting");
  await Bun.sleep(0);
  expect(logger.lines).toEqual(["Cannot write the progress of an installation"]);
  expect(String(await rejection(progress.finish("success", "installed")))).toContain("locked");
});

test("quarterSecond() ends with its signal", async () => {
  const stop = new AbortController();
  const pause = quarterSecond(stop.signal);
  stop.abort();
  await pause;
  await quarterSecond(stop.signal);
});

test("stageMessage() names the stage, with its detail if there is one", () => {
  expect(stageMessage("unpack", "")).toBe("unpack");
  expect(stageMessage("dependencies", "Resolved 41 packages")).toBe("dependencies: Resolved 41 packages");
  expect(stageMessage("start", "")).toBe("installing heartbeat, waiting for plugin to be ready...");
});
