import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ApiError } from "./api-error.ts";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";
import { formatDuration } from "./format.ts";

/** What is read of a task (contract/http-api 3.4.1). */
export const InstallTask = Type.Object({
  id: Type.String(),
  status: Type.String(),
  created_at: Type.String(),
  plugins: Type.Array(
    Type.Object({
      plugin_unique_identifier: Type.String(),
      plugin_id: Type.String(),
      status: Type.String(),
      message: Type.String(),
    }),
  ),
});
export type InstallTask = Static<typeof InstallTask>;

export interface FollowOptions {
  readonly taskId: string;
  readonly identifier: string;
  /** How long to look on; the installation goes on without us. */
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Called with the item's message at every look. */
  onStep(message: string): void;
}

/** Looks on until the plugin is installed. Rejects with the task's own message when it failed. */
export async function followInstall(client: DaemonClient, options: FollowOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const item = await lookAt(client, options);
    if (item === undefined || item.status === "success") return;
    if (item.status === "failed") throw failed(item.message, options.identifier);
    options.onStep(item.message);
    if (performance.now() >= deadline)
      throw new CliError(
        `"${options.identifier}" is not installed after ${formatDuration(options.timeoutMs)}: ${item.message || item.status}`,
        { hint: 'The daemon goes on with it; look at it with "tasks", or wait longer with --timeout' },
      );
    await sleep(options.pollMs, undefined, { signal: options.signal });
  }
}

/** Undefined: the task is gone, and the plugin is installed. Daemons remove what has succeeded after a while. */
async function lookAt(client: DaemonClient, { taskId, identifier }: FollowOptions) {
  let task: unknown;
  try {
    task = await client.get(`management/install/tasks/${encodeURIComponent(taskId)}`);
  } catch (error) {
    if (!(error instanceof ApiError) || !error.message.includes("record not found")) throw error;
    if ((await client.get("management/fetch/identifier", { plugin_unique_identifier: identifier })) === true)
      return undefined;
    throw new CliError(`The installation of "${identifier}" was removed before it was finished`, {
      cause: error,
    });
  }
  if (!Value.Check(InstallTask, task))
    throw new CliError(`The daemon at "${client.url}" described the task in a way that is not understood`);
  const item = task.plugins.find((plugin) => plugin.plugin_unique_identifier === identifier);
  return item ?? { status: task.status, message: "" };
}

/** The first line of a task's message says what failed; what follows says what to do. */
function failed(message: string, identifier: string): CliError {
  const [first = "", ...rest] = message.split("\n").filter((line) => line.trim() !== "");
  return new CliError(
    `Cannot install "${identifier}": ${first || "the daemon gave no reason"}`,
    rest.length > 0 ? { hint: rest.join("\n") } : {},
  );
}
