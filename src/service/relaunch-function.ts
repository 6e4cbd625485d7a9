import { describeError } from "../lib/describe-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { ServerlessPlugins } from "./serverless-plugins.ts";

/** What the admin API streams of a launch (contract/http-api 3.10). */
export interface RelaunchEvent {
  readonly event: "info" | "done" | "error";
  readonly data: string;
}

/** Builds the function of a plugin anew, telling how far it is; a failure is the last event. Ends with the signal. */
export type RelaunchFunction = (identifier: string, signal: AbortSignal) => AsyncIterable<RelaunchEvent>;

export function createRelaunchFunction(
  deps: Pick<ServerlessPlugins, "relaunch"> & {
    /** A connector is set. */
    readonly isPossible: boolean;
    /** In milliseconds. */
    readonly timeoutMs: number;
  },
): RelaunchFunction {
  return async function* relaunch(identifier, client) {
    if (!deps.isPossible) {
      yield { event: "error", data: "reinstall is not supported on local platform" };
      return;
    }
    const signal = AbortSignal.any([client, AbortSignal.timeout(deps.timeoutMs)]);
    const events: RelaunchEvent[] = [{ event: "info", data: "Installing..." }];
    let wake = Promise.withResolvers<void>();
    let over = false;
    const tell = (event: RelaunchEvent) => {
      events.push(event);
      wake.resolve();
    };
    const work = deps
      .relaunch(identifier, { report: (data) => tell({ event: "info", data }), signal })
      .then(
        () => tell({ event: "done", data: "Installed" }),
        (cause: unknown) => tell({ event: "error", data: textOf(cause) }),
      )
      .finally(() => {
        over = true;
        wake.resolve();
      });
    try {
      for (;;) {
        yield* events.splice(0);
        if (over && events.length === 0) return;
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    } finally {
      await work;
    }
  };
}

function textOf(cause: unknown): string {
  const hint = cause instanceof DaemonError && cause.hint !== undefined ? `\n${cause.hint}` : "";
  return describeError(cause) + hint;
}
