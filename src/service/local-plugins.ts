import type { Logger } from "../lib/logger.ts";
import { createSlots } from "../lib/slots.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { Breakpoint, Codec, Reload } from "../protocol/messages.ts";
import type { Runner } from "../protocol/runner.ts";
import type { PackageFile } from "../package/package.ts";
import {
  createLocalRuntime,
  type LocalRuntime,
  type LocalRuntimeSettings,
} from "../runtime/local/local-runtime.ts";
import { createLocalRuntimes } from "../runtime/local/local-runtimes.ts";
import type { Provisioner, ReportStage } from "../runtime/local/prepare.ts";
import type { State } from "../runtime/lifecycle.ts";
import type { ProcessStarter } from "../runtime/process.ts";
import type { RuntimeStatus } from "../runtime/runtime.ts";
import type { DeclarationRow } from "../store/store.ts";
import type { Metrics } from "./metrics.ts";

export interface LocalPluginsDeps {
  findDeclaration(identifier: string): Promise<DeclarationRow | undefined>;
  /** Files of the stored package. */
  loadPackage(identifier: string): Promise<readonly PackageFile[]>;
  readonly provisioner: Provisioner;
  readonly starter: ProcessStarter;
  readonly createCodec: (runner: Runner) => Codec;
  readonly settings: LocalRuntimeSettings;
  /** Plugins that are prepared and started at the same time. */
  readonly launchConcurrency: number;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The log of what runs this plugin. */
  logOf(pluginId: string): Logger;
  /** A plugin stands at a breakpoint, or has loaded its code anew. */
  readonly onBreakpoint?: (pluginId: string, breakpoint: Breakpoint) => void;
  readonly onReload?: (pluginId: string, reload: Reload) => void;
}

/** The plugins that run, or can run, on this machine. */
export interface LocalPlugins {
  /** Undefined when the identifier was never uploaded here. */
  runtimeOf(identifier: string): Promise<LocalRuntime | undefined>;
  /** Starts it and resolves with its first heartbeat. */
  ensureReady(
    identifier: string,
    options: { readonly report: ReportStage; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Told to stop after its open calls; forgotten then. */
  stop(identifier: string): Promise<void>;
  /** Removes what its preparation left on this machine. */
  discard(identifier: string): Promise<void>;
  /** Starts these one after the other, behind every plugin that a caller waits for. */
  warmUp(identifiers: readonly string[]): Promise<void>;
  status(identifier: string): RuntimeStatus | undefined;
  /** The daemon leaves: all plugins drain together, then go. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

export function createLocalPlugins(deps: LocalPluginsDeps): LocalPlugins {
  const runtimes = createLocalRuntimes();
  const slots = createSlots(deps.launchConcurrency);
  const gauges = createStateGauges(deps.metrics);
  let closing = false;

  async function runtimeOf(identifier: string): Promise<LocalRuntime | undefined> {
    const known = runtimes.find(identifier);
    if (known) return known;
    const row = await deps.findDeclaration(identifier);
    return row && !closing ? runtimes.get(identifier, () => create(row)) : undefined;
  }

  function create(row: DeclarationRow): LocalRuntime {
    return createLocalRuntime({
      source: {
        identifier: requireIdentifier(row.identifier),
        declaration: row.declaration,
        load: () => deps.loadPackage(row.identifier),
      },
      provisioner: deps.provisioner,
      starter: deps.starter,
      slots,
      settings: deps.settings,
      createCodec: deps.createCodec,
      log: deps.logOf(row.pluginId),
      onBreakpoint: (breakpoint) => deps.onBreakpoint?.(row.pluginId, breakpoint),
      onReload: (reload) => deps.onReload?.(row.pluginId, reload),
      onState: gauges.follow(row.pluginId),
    });
  }

  return {
    runtimeOf,
    async ensureReady(identifier, options) {
      const runtime = await runtimeOf(identifier);
      if (!runtime)
        throw new DaemonError("internal", `Cannot start plugin "${identifier}": it is not stored here`, {
          hint: "Upload the package again",
        });
      try {
        await runtime.ensureReady(options);
      } catch (cause) {
        // Whoever gave up waiting must not leave a start behind that nobody asked for any more.
        if (options.signal.aborted && runtime.status.sessions === 0) await runtimes.remove(identifier);
        throw cause;
      }
    },
    stop: (identifier) => runtimes.remove(identifier),
    discard: (identifier) => deps.provisioner.discard(requireIdentifier(identifier)),
    async warmUp(identifiers) {
      for (const identifier of identifiers) {
        if (closing) return;
        try {
          (await runtimeOf(identifier))?.warm();
        } catch (cause) {
          // A damaged entry must not keep the plugins behind it from coming back.
          deps.log.error("Cannot start a plugin that was used lately", { plugin: identifier, error: cause });
        }
      }
    },
    status: (identifier) => runtimes.find(identifier)?.status,
    async close(options) {
      closing = true;
      await runtimes.close(options);
    },
  };
}

/** Keeps the gauges in step with the lifecycles. An upgrade has two runtimes of one plugin for a while; the better one counts. */
function createStateGauges(metrics: Metrics): { follow(pluginId: string): (state: State) => void } {
  const levels = new Map<string, Set<{ level: number }>>();
  return {
    follow(pluginId) {
      const labels = { plugin_id: pluginId, runtime_type: "local" };
      const own = { level: 0 };
      return (state) => {
        const before = own.level;
        own.level = levelOf(state);
        const all = levels.get(pluginId) ?? new Set();
        levels.set(pluginId, all);
        if (own.level > 0) all.add(own);
        else all.delete(own);
        if ((own.level === 1) !== (before === 1))
          metrics.activePlugins.inc({ runtime_type: "local" }, own.level === 1 ? 1 : -1);
        if (state.kind === "waiting") metrics.restarts.inc(labels);
        metrics.runtimeStatus.set(labels, Math.max(0, ...[...all].map(({ level }) => level)));
      };
    },
  };
}

/** contract/lifecycle 9.2: 1 ready, 0.5 on its way, 0 stopped or failed. */
function levelOf(state: State): number {
  switch (state.kind) {
    case "running":
      return 1;
    case "preparing":
    case "starting":
    case "waiting":
      return 0.5;
    case "stopped":
    case "failed":
    case "stopping":
      return 0;
  }
}
