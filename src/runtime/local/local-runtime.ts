import type { Logger } from "../../lib/logger.ts";
import type { Slots } from "../../lib/slots.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Codec } from "../../protocol/messages.ts";
import type { BackwardsCall } from "../../session/sessions.ts";
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
  readonly createCodec: () => Codec;
  readonly log: Logger;
  readonly onBackwardsCall: (call: BackwardsCall) => void;
  readonly onState: (state: State) => void;
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
  /** Told to stop: open calls end first, within the limit. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  kill(): Promise<void>;
}

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
    prepare: (signal) => options.provisioner.prepare(source, { report, signal }),
    async start(plan) {
      report("start", "waiting for its first heartbeat");
      const process = await options.starter.start({
        argv: plan.argv,
        cwd: plan.cwd,
        env: plan.env,
        limits: { memoryBytes: settings.memoryLimit(source.declaration.resource.memory) },
      });
      log.info("Plugin process started", { plugin: label, pid: process.pid });
      return createInstance(process, {
        ...settings,
        label,
        log,
        codec: options.createCodec(),
        onBackwardsCall: options.onBackwardsCall,
      });
    },
    onState(state) {
      options.onState(state);
      if (state.kind === "running") log.info("Plugin ready", { plugin: label });
    },
  });

  async function readyInstance(signal: AbortSignal): Promise<Instance> {
    const running = supervisor.current;
    if (running) return running;
    const limit = AbortSignal.timeout(settings.startWaitMs);
    try {
      return await supervisor.instance(AbortSignal.any([signal, limit]));
    } catch (cause) {
      if (!limit.aborted || signal.aborted) throw cause;
      const stage = lastStage === undefined ? "" : ` (${lastStage[0]}: ${lastStage[1]})`;
      throw new DaemonError(
        "unavailable",
        `no available node, plugin runtime not found: plugin "${label}" was not ready within ` +
          `${Math.round(settings.startWaitMs / 1000)} seconds${stage}`,
        { cause, hint: "It goes on starting; try again, or raise PLUGD_START_WAIT" },
      );
    }
  }

  return {
    kind: "local",
    identifier: identifier.text,
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
          // Nothing was executed, so another instance may have it.
          if (!(cause instanceof TransportClosedError) || attempt >= SEND_ATTEMPTS) {
            throw new DaemonError("internal", `${String(cause)}\nfailed to write request`, { cause });
          }
          await instance.ended;
        }
      }
    },
    async ensureReady({ report: listener, signal }) {
      listeners.add(listener);
      try {
        await supervisor.instance(signal);
      } finally {
        listeners.delete(listener);
      }
    },
    warm: () => supervisor.warm(),
    stop: (stopOptions) => supervisor.stop(stopOptions),
    kill: () => supervisor.kill(),
  };
}
