import { createSlots } from "../lib/slots.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PrepareStage } from "../runtime/local/prepare.ts";
import type { RuntimeType } from "../store/store.ts";

/** Shown by every task that a stop of the daemon ended, at once or after the next start (contract/lifecycle 1.4). */
export const SHUTDOWN_MESSAGE = "An unexpected daemon shutdown occurred";

/** Where a start is; `function` is all that a connector does, told in its own words. */
export type LaunchStage = PrepareStage | "function";

export type ReportStage = (stage: LaunchStage, detail: string) => void;

/** Gets a plugin to run; the runtime stands behind it. */
export interface PluginStarter {
  /** Resolves after the first heartbeat, at once when the plugin runs. Leaves no process behind when it rejects. */
  ensureReady(
    what: StartedPlugin,
    options: { readonly report: ReportStage; readonly signal: AbortSignal },
  ): Promise<void>;
}

/** A version of a plugin, and what is to run it. */
export interface StartedPlugin {
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
}

/** Starts for installations: few at a time, one for all who ask for the same plugin. */
export interface InstallLaunches {
  /** Joins the start that is under way, if there is one, and is told its stages from the present one on. */
  ensureReady(what: StartedPlugin, report: ReportStage): Promise<void>;
}

export interface InstallLaunchesDeps {
  readonly starter: PluginStarter;
  /** How many starts run at once (`PLUGIN_LOCAL_LAUNCHING_CONCURRENT`). */
  readonly concurrency: number;
  /** Limit of one start, from the moment it has its turn (`PLUGIN_INSTALL_TIMEOUT`). */
  readonly timeoutMs: number;
  /** Ends every start; who waits for one gets an error with `SHUTDOWN_MESSAGE`. */
  readonly closing: AbortSignal;
}

interface Launch {
  readonly ready: Promise<void>;
  /** Adds somebody who wants to know the stages. */
  follow(report: ReportStage): void;
}

export function createInstallLaunches({
  starter,
  concurrency,
  timeoutMs,
  closing,
}: InstallLaunchesDeps): InstallLaunches {
  const slots = createSlots(concurrency);
  const launches = new Map<string, Launch>();

  async function launch(what: StartedPlugin, report: ReportStage): Promise<void> {
    const timeUp = new AbortController();
    const signal = AbortSignal.any([closing, timeUp.signal]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let free: (() => void) | undefined;
    try {
      free = await slots.acquire(() => 0, signal);
      timer = setTimeout(() => timeUp.abort(), timeoutMs);
      await starter.ensureReady(what, { report, signal });
    } catch (cause) {
      if (closing.aborted) throw new DaemonError("unavailable", SHUTDOWN_MESSAGE, { cause });
      throw timeUp.signal.aborted ? timeoutError(what.identifier, timeoutMs, cause) : cause;
    } finally {
      clearTimeout(timer);
      free?.();
    }
  }

  return {
    ensureReady(what, report) {
      const key = `${what.runtimeType} ${what.identifier}`;
      let shared = launches.get(key);
      if (!shared) {
        const followers = createFollowers();
        const ready = launch(what, followers.report).finally(() => launches.delete(key));
        shared = { ready, follow: (next) => followers.follow(next) };
        launches.set(key, shared);
      }
      shared.follow(report);
      return shared.ready;
    },
  };
}

function createFollowers(): { readonly report: ReportStage; follow(report: ReportStage): void } {
  const reports: ReportStage[] = [];
  let latest: Parameters<ReportStage> | undefined;
  return {
    report(...stage) {
      latest = stage;
      for (const report of reports) report(...stage);
    },
    follow(report) {
      reports.push(report);
      if (latest) report(...latest);
    },
  };
}

function timeoutError(identifier: string, timeoutMs: number, cause: unknown): DaemonError {
  const last = cause instanceof DaemonError ? `\n${cause.message}` : "";
  return new DaemonError(
    "timeout",
    `Cannot install "${identifier}": not ready after ${duration(timeoutMs)}${last}`,
    { cause, hint: "Set PLUGIN_INSTALL_TIMEOUT to more minutes, or look up in the log what it waited for" },
  );
}

function duration(ms: number): string {
  return ms >= 60_000 ? `${Math.round(ms / 60_000)} min` : `${ms} ms`;
}
