import type { Logger } from "../../lib/logger.ts";
import type { Slots } from "../../lib/slots.ts";
import { DaemonError, type DaemonErrorOptions } from "../../protocol/daemon-error.ts";
import type { Breakpoint, Codec, Reload } from "../../protocol/messages.ts";
import { readRunner, type Runner } from "../../protocol/runner.ts";
import { TransportClosedError } from "../../transport/transport.ts";
import type { State } from "../lifecycle.ts";
import type { ProcessStarter } from "../process.ts";
import { DEFAULT_RESTART_POLICY } from "../restart-policy.ts";
import type { InvocationRequest, PluginRuntime, RuntimeStatus } from "../runtime.ts";
import { createSupervisor } from "../supervisor.ts";
import { createInstance, type Instance, type InstanceSettings } from "./instance.ts";
import type { LaunchPlan, PluginSource, PrepareStage, Provisioner, ReportStage } from "./prepare.ts";

export interface LocalRuntimeOptions {
  readonly source: PluginSource;
  readonly provisioner: Provisioner;
  readonly starter: ProcessStarter;
  readonly slots: Slots;
  readonly settings: LocalRuntimeSettings;
  readonly createCodec: (runner: Runner) => Codec;
  readonly log: Logger;
  readonly onState: (state: State) => void;
  readonly onBreakpoint?: (breakpoint: Breakpoint) => void;
  readonly onReload?: (reload: Reload) => void;
}

/** Times in milliseconds, sizes in bytes. */
export interface LocalRuntimeSettings extends InstanceSettings {
  /** A call is held at most this long while its plugin is prepared and started. */
  readonly startWaitMs: number;
  /** Open calls of a plugin that is told to stop get this long. */
  readonly drainMs: number;
  /** Memory limit of a plugin's process tree for what its manifest declares; 0 means none. */
  readonly memoryLimit: (declaredBytes: number) => number;
}

/** A plugin as supervised processes of this machine. */
export interface LocalRuntime extends PluginRuntime {
  /** Prepares and starts it, telling the stages; resolves with the first heartbeat. */
  ensureReady(options: { readonly report: ReportStage; readonly signal: AbortSignal }): Promise<void>;
  /** Starts it in the background, behind everything that callers wait for. */
  warm(): void;
  /** Told to stop for good: open calls end first, within the limit; calls that come later are refused. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  kill(): Promise<void>;
}

const SLOW_PREPARE_MS = 1000;

/** A call whose instance died before it had the request is given to the next one, this often. */
const SEND_ATTEMPTS = 5;

const STATES: Readonly<Record<State["kind"], RuntimeStatus["state"]>> = {
  stopped: "stopped",
  preparing: "preparing",
  starting: "starting",
  running: "ready",
  waiting: "waiting",
  failed: "failed",
  stopping: "stopping",
};

export function createLocalRuntime(options: LocalRuntimeOptions): LocalRuntime {
  const { source, settings, log } = options;
  const { identifier } = source;
  const label = `${identifier.pluginId}:${identifier.version}`;
  const listeners = new Set<ReportStage>();
  let lastStage: readonly [PrepareStage, string] | undefined;
  /** Set by a stop: whoever asks after it must not bring back what nobody looks after any more. */
  let retired = false;

  function report(stage: PrepareStage, detail: string): void {
    lastStage = [stage, detail];
    for (const listener of listeners) listener(stage, detail);
  }

  const supervisor = createSupervisor<LaunchPlan, Instance>({
    label,
    policy: DEFAULT_RESTART_POLICY,
    log,
    drainMs: settings.drainMs,
    now: () => performance.now(),
    takeSlot: (rank, signal) => options.slots.acquire(rank, signal),
    async prepare(signal) {
      const began = performance.now();
      const plan = await options.provisioner.prepare(source, { report, signal });
      const tookMs = Math.round(performance.now() - began);
      // What lies there ready is no news.
      if (tookMs >= SLOW_PREPARE_MS) log.info("Plugin prepared", { plugin: label, took_ms: tookMs });
      return plan;
    },
    async start(plan) {
      report("start", "waiting for its first heartbeat");
      const process = await options.starter.start({
        argv: plan.argv,
        cwd: plan.cwd,
        env: plan.env,
        limits: { memoryBytes: settings.memoryLimit(source.declaration.resource.memory) },
      });
      log.info("Plugin process started", { plugin: label, pid: process.pid });
      const runner = readRunner(source.declaration.meta.runner);
      return createInstance(process, {
        ...settings,
        label,
        log,
        onBreakpoint: options.onBreakpoint,
        onReload: options.onReload,
        codec: options.createCodec(runner),
        liveness: runner.liveness,
      });
    },
    onState: options.onState,
  });

  async function readyInstance(signal: AbortSignal): Promise<Instance> {
    if (retired) throw notAvailable("was stopped");
    const running = supervisor.current;
    if (running) return running;
    const limit = AbortSignal.timeout(settings.startWaitMs);
    try {
      return await supervisor.instance(AbortSignal.any([signal, limit]));
    } catch (cause) {
      if (signal.aborted) throw cause;
      if (retired) throw notAvailable("was stopped", { cause });
      if (!limit.aborted) throw cause;
      const stage = lastStage === undefined ? "" : ` (${lastStage[0]}: ${lastStage[1]})`;
      throw notAvailable(`was not ready within ${Math.round(settings.startWaitMs / 1000)} seconds${stage}`, {
        cause,
        hint: "It goes on starting; try again, or raise PLUGD_START_WAIT",
      });
    }
  }

  /** Clients know a passing outage by these first words (contract/http-api 3.2). */
  function notAvailable(what: string, more?: DaemonErrorOptions): DaemonError {
    const message = `no available node, plugin runtime not found: plugin "${label}" ${what}`;
    return new DaemonError("unavailable", message, more);
  }

  return {
    kind: "local",
    identifier: identifier.text,
    permission: source.declaration.resource.permission,
    get status(): RuntimeStatus {
      const { current, lastFailure } = supervisor;
      return {
        state: STATES[supervisor.state.kind],
        restarts: supervisor.restarts,
        sessions: current?.sessions.count ?? 0,
        ...(current && { pid: current.pid }),
        ...(lastFailure !== undefined && { lastFailure }),
      };
    },
    async invoke(request: InvocationRequest, signal) {
      for (let attempt = 1; ; attempt++) {
        const instance = await readyInstance(signal);
        try {
          return await instance.sessions.open(request, signal);
        } catch (cause) {
          if (signal.aborted) throw cause;
          // Nothing was executed, so another instance may have it.
          if (!(cause instanceof TransportClosedError) || attempt >= SEND_ATTEMPTS) {
            throw new DaemonError("internal", `${String(cause)}\nfailed to write request`, { cause });
          }
          await instance.ended;
        }
      }
    },
    debug: {
      // A process works for all tenants: whose call stands still has to be told.
      pauseLimits(sessionId) {
        if (sessionId !== undefined) supervisor.current?.sessions.pauseLimits(sessionId);
      },
      resumeLimits: () => supervisor.current?.sessions.resumeLimits(),
      async resume() {
        const running = supervisor.current;
        await running?.sessions.resume();
        return running?.canBeTold ?? false;
      },
      async reload() {
        const running = supervisor.current;
        if (!running?.canBeTold) return false;
        await running.sessions.reload();
        return true;
      },
    },
    async ensureReady({ report: listener, signal }) {
      if (retired) throw notAvailable("was stopped");
      listeners.add(listener);
      try {
        await supervisor.instance(signal);
      } finally {
        listeners.delete(listener);
      }
    },
    warm() {
      if (!retired) supervisor.warm();
    },
    stop(stopOptions) {
      retired = true;
      return supervisor.stop(stopOptions);
    },
    kill: () => supervisor.kill(),
  };
}
