import { DaemonError } from "../protocol/daemon-error.ts";
import type { DebugHelpers, HelpedPlugin, HelperObserver } from "../runtime/debug/debug-helpers.ts";
import { PLUGIN_LINES } from "../runtime/plugin-lines.ts";
import type { PluginRuntime } from "../runtime/runtime.ts";
import type { Logger } from "../lib/logger.ts";
import type { InstallationStore, RuntimeType } from "../store/store.ts";
import type { LiveDebugEvents } from "./live-debug-events.ts";

export interface DebugControlDeps {
  readonly installations: Pick<InstallationStore, "find">;
  /** What serves a row of the installations just now. */
  runtimeOf(identifier: string, runtimeType: RuntimeType): Promise<PluginRuntime | undefined>;
  readonly events: LiveDebugEvents;
  logOf(plugin: HelpedPlugin): Logger;
  /** Keeps the place of a connection that is gone no longer. */
  release(plugin: HelpedPlugin): Promise<void>;
}

/** What an operator can ask of a plugin that is debugged; rejects with a `DaemonError` where nobody can be told. */
export interface DebugControl {
  /** Goes on from breakpoints, and lets time count again. */
  continue(plugin: HelpedPlugin): Promise<void>;
  reload(plugin: HelpedPlugin): Promise<void>;
  /** A developer goes and does not come back: what is installed serves calls at once. Fine where nothing is debugged. */
  release(plugin: HelpedPlugin): Promise<void>;
  /** What helpers tell goes through here; `helpers` are those that are told. */
  readonly observer: HelperObserver;
}

export function createDebugControl(
  deps: DebugControlDeps & { readonly helpers: () => Pick<DebugHelpers, "tell"> },
): DebugControl {
  const { events } = deps;

  async function runtimeOf({ tenantId, pluginId }: HelpedPlugin): Promise<PluginRuntime | undefined> {
    const row = await deps.installations.find(tenantId, pluginId);
    if (!row)
      throw new DaemonError("plugin_not_found", `Plugin "${pluginId}" is not installed, nor connected`);
    return deps.runtimeOf(row.identifier, row.runtimeType);
  }

  function nobody(pluginId: string): DaemonError {
    return new DaemonError("unavailable", `Plugin "${pluginId}" has nobody to tell`, {
      hint: "Let its developer connect with the plain protocol, or add plugd_debug.py (plugd plugin debug) to it",
    });
  }

  /** Limits rest and go on beside what the plugin does; a plugin that is gone has none. */
  function beside(plugin: HelpedPlugin, work: (runtime: PluginRuntime) => void): void {
    runtimeOf(plugin)
      .then((runtime) => runtime && work(runtime))
      .catch((cause: unknown) =>
        deps.logOf(plugin).warn("Cannot follow a breakpoint", { plugin: plugin.pluginId, error: cause }),
      );
  }

  return {
    async continue(plugin) {
      const runtime = await runtimeOf(plugin);
      const helped = await deps.helpers().tell(plugin, "continue");
      const told = await tried(runtime?.debug?.resume());
      if (helped === 0 && !told) throw nobody(plugin.pluginId);
      events.continued(plugin);
    },
    async reload(plugin) {
      const runtime = await runtimeOf(plugin);
      const helped = await deps.helpers().tell(plugin, "reload");
      const told = await tried(runtime?.debug?.reload());
      if (helped === 0 && !told) throw nobody(plugin.pluginId);
      events.reload(plugin, { status: "asked", message: "" });
    },
    release: deps.release,
    observer: {
      log(plugin, { level, message }) {
        deps.logOf(plugin)[level](PLUGIN_LINES.log, { plugin: plugin.pluginId, message });
      },
      breakpoint(plugin, breakpoint) {
        events.breakpoint(plugin, breakpoint);
        beside(plugin, (runtime) => runtime.debug?.pauseLimits(breakpoint.sessionId));
      },
      left: (plugin) => beside(plugin, (runtime) => runtime.debug?.resumeLimits()),
      reload: (plugin, reload) => events.reload(plugin, reload),
    },
  };
}

/** A plugin whose connection ends just then was not told. */
function tried(work: Promise<boolean> | undefined): Promise<boolean> {
  return work?.catch(() => false) ?? Promise.resolve(false);
}
