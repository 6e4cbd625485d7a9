import { errorMessage } from "../lib/describe-error.ts";
import type { Logger } from "../lib/logger.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { RuntimeType, TaskStore } from "../store/store.ts";
import type { BackgroundWork } from "./background-work.ts";
import type { InstallLaunches } from "./install-launches.ts";
import { createTaskProgress, quarterSecond, stageMessage, type TaskProgress } from "./task-progress.ts";

/** Work of a task for one plugin: get it to run, then record it for the tenant. */
export interface InstallJob {
  readonly taskId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** Answers whether there is something to start; a rejection ends the job as failed. */
  readonly needsStart: () => Promise<boolean>;
  /** Records the result once the plugin runs; answers the last message of the item. */
  readonly record: () => Promise<string>;
  /** Runs at the end in any case, also when the job failed. */
  readonly after: () => Promise<void>;
}

/** How one job went, for metrics. */
export interface InstallOutcome {
  readonly identifier: string;
  readonly status: "success" | "failed";
  readonly seconds: number;
}

export interface InstallJobs {
  /** Goes on after the request; deleting the task does not end it. */
  start(job: InstallJob): void;
}

export interface InstallJobsDeps {
  readonly tasks: Pick<TaskStore, "updateItem">;
  readonly launches: InstallLaunches;
  readonly background: BackgroundWork;
  readonly logger: Logger;
  readonly onOutcome?: (outcome: InstallOutcome) => void;
  /** Between two messages of one item; 250 ms where nothing is given. */
  readonly pause?: (signal: AbortSignal) => Promise<void>;
}

export function createInstallJobs(deps: InstallJobsDeps): InstallJobs {
  const { tasks, launches, background, logger } = deps;

  /** Answers the last message of the item. */
  async function install(job: InstallJob, progress: TaskProgress): Promise<string> {
    progress.say("starting");
    if (await job.needsStart())
      await launches.ensureReady(job, (stage, detail) => progress.say(stageMessage(stage, detail)));
    return job.record();
  }

  async function run(job: InstallJob): Promise<void> {
    const { taskId, identifier } = job;
    const began = performance.now();
    const tookSeconds = () => Math.round((performance.now() - began) / 100) / 10;
    const label = identifier.split("@", 1)[0];
    const progress = createTaskProgress(
      { taskId, identifier },
      { tasks, logger, pause: deps.pause ?? quarterSecond },
    );
    try {
      const [status, message] = await install(job, progress).then(
        (done) => {
          logger.info("Installation finished", { plugin: label, task_id: taskId, took_s: tookSeconds() });
          return ["success", done] as const;
        },
        (cause: unknown) => {
          logger.warn("Installation failed", {
            plugin: label,
            task_id: taskId,
            took_s: tookSeconds(),
            error: cause,
          });
          return ["failed", failureText(cause)] as const;
        },
      );
      deps.onOutcome?.({ identifier, status, seconds: (performance.now() - began) / 1000 });
      await progress.finish(status, message);
    } finally {
      await job.after();
    }
  }

  return {
    start: (job) => background.start(`install ${job.identifier}`, () => run(job)),
  };
}

/** The error's message, and below it what the operator can do. */
function failureText(cause: unknown): string {
  if (cause instanceof DaemonError) return cause.hint ? `${cause.message}\n${cause.hint}` : cause.message;
  return errorMessage(cause);
}
