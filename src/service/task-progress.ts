import type { Logger } from "../lib/logger.ts";
import type { LaunchStage } from "./install-launches.ts";
import type { TaskStatus, TaskStore } from "../store/store.ts";

/** Shown while the process runs and has not given a sign of life (contract/lifecycle 3.4). */
const WAITING_MESSAGE = "installing heartbeat, waiting for plugin to be ready...";

/** Writes what happens to one item of a task, at most one message per interval; the end always lands. */
export interface TaskProgress {
  /** The item is `running` from now on. Replaces a message that was not written yet. */
  say(message: string): void;
  /** Writes the end after everything before it. Nothing is written after it. */
  finish(status: Extract<TaskStatus, "success" | "failed">, message: string): Promise<void>;
}

export interface TaskProgressDeps {
  readonly tasks: Pick<TaskStore, "updateItem">;
  readonly logger: Logger;
  /** Resolves when the next message may be written, or as soon as the signal aborts. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

/** A pause for `TaskProgressDeps`: four messages a second. */
export function quarterSecond(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, 250);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

export function createTaskProgress(
  item: { readonly taskId: string; readonly identifier: string },
  { tasks, logger, pause }: TaskProgressDeps,
): TaskProgress {
  const ended = new AbortController();
  let pending: string | undefined;
  let writing: Promise<void> | undefined;

  async function writePending(): Promise<void> {
    while (pending !== undefined && !ended.signal.aborted) {
      const message = pending;
      pending = undefined;
      try {
        await tasks.updateItem(item.taskId, item.identifier, { status: "running", message });
      } catch (cause) {
        // Progress is for the eyes; an installation does not fail because a line of it could not be written.
        logger.warn("Cannot write the progress of an installation", { ...item, error: cause });
      }
      await pause(ended.signal);
    }
    writing = undefined;
  }

  return {
    say(message) {
      if (ended.signal.aborted) return;
      pending = message;
      writing ??= writePending();
    },
    async finish(status, message) {
      ended.abort();
      await writing;
      await tasks.updateItem(item.taskId, item.identifier, { status, message });
    },
  };
}

/** What a task item shows for a stage. */
export function stageMessage(stage: LaunchStage, detail: string): string {
  if (stage === "start") return WAITING_MESSAGE;
  // The connector's own words.
  if (stage === "function") return detail;
  return detail === "" ? stage : `${stage}: ${detail}`;
}
