import type { Logger } from "../lib/logger.ts";
import { createSlots } from "../lib/slots.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { Codec } from "../protocol/messages.ts";
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
import type { BackwardsCall } from "../session/sessions.ts";
import type { DeclarationRow } from "../store/store.ts";
import type { Metrics } from "./metrics.ts";

export interface LocalPluginsDeps {
  findDeclaration(identifier: string): Promise<DeclarationRow | undefined>;
  /** Files of the stored package. */
  loadPackage(identifier: string): Promise<readonly PackageFile[]>;
  readonly provisioner: Provisioner;
  readonly starter: ProcessStarter;
  readonly createCodec: () => Codec;
  readonly onBackwardsCall: (identifier: string, call: BackwardsCall) => void;
  readonly settings: LocalRuntimeSettings;
  /** Plugins that are prepared and started at the same time. */
  readonly launchConcurrency: number;
  readonly metrics: Metrics;
  readonly log: Logger;
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
      log: deps.log,
      onBackwardsCall: (call) => deps.onBackwardsCall(row.identifier, call),
      onState: createStateMetrics(row.pluginId, deps.metrics),
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
        (await runtimeOf(identifier))?.warm();
      }
    },
    status: (identifier) => runtimes.find(identifier)?.status,
    async close(options) {
      closing = true;
      await runtimes.close(options);
    },
  };
}

/** Keeps the gauges of one plugin in step with its lifecycle. */
function createStateMetrics(pluginId: string, metrics: Metrics): (state: State) => void {
  const labels = { plugin_id: pluginId, runtime_type: "local" };
  let ready = false;
  return (state) => {
    const isReady = state.kind === "running";
    if (isReady !== ready) metrics.activePlugins.inc({ runtime_type: "local" }, isReady ? 1 : -1);
    ready = isReady;
    if (state.kind === "waiting") metrics.restarts.inc(labels);
    const starting = state.kind === "preparing" || state.kind === "starting" || state.kind === "waiting";
    metrics.runtimeStatus.set(labels, isReady ? 1 : starting ? 0.5 : 0);
  };
}
