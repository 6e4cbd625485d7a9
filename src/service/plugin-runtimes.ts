import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginRuntime } from "../runtime/runtime.ts";
import type { RuntimeType } from "../store/store.ts";
import type { PluginStarter } from "./install-launches.ts";
import type { LocalPlugins } from "./local-plugins.ts";
import type { PluginStopper } from "./retire-plugin.ts";
import type { ServerlessPlugins } from "./serverless-plugins.ts";

/** All that can run a plugin, by what an installation says. */
export interface PluginRuntimes extends PluginStarter, PluginStopper {
  /** Undefined when the plugin is not known there. */
  runtimeOf(identifier: string, runtimeType: RuntimeType): Promise<PluginRuntime | undefined>;
}

export function createPluginRuntimes(deps: {
  readonly local: LocalPlugins;
  readonly serverless: ServerlessPlugins;
}): PluginRuntimes {
  const { local, serverless } = deps;
  return {
    async runtimeOf(identifier, runtimeType) {
      return runtimeType === "serverless" ? serverless.runtimeOf(identifier) : local.runtimeOf(identifier);
    },
    async ensureReady({ identifier, runtimeType }, { report, signal }) {
      if (runtimeType === "local") return local.ensureReady(identifier, { report, signal });
      if (runtimeType === "remote")
        throw new DaemonError("internal", `Cannot start "${identifier}": its developer does that`);
      return serverless.ensureReady(identifier, {
        report: (message) => report("function", message),
        signal,
      });
    },
    async stop(identifier, runtimeType) {
      if (runtimeType === "local") return local.stop(identifier);
      if (runtimeType === "serverless") return serverless.stop(identifier);
    },
  };
}
