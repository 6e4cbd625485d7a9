import type { InstallationStore, RuntimeType } from "../store/store.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";

/** Ends the process of a plugin; the runtime stands behind it. */
export interface PluginStopper {
  /** Lets open sessions finish within bounds and resolves when the process has ended; at once when there is none. */
  stop(identifier: string, runtimeType: RuntimeType): Promise<void>;
}

export interface RetirePluginDeps {
  readonly installations: Pick<InstallationStore, "isInstalled">;
  readonly stopper: PluginStopper;
  readonly guard: PackageGuard;
}

/**
 * Stops a plugin wherever no tenant has installed it to run, unless an installation is about to use it; else does nothing.
 */
export type RetirePlugin = (identifier: string) => Promise<void>;

/** What is started and stopped here; a developer's connection comes and goes by itself. */
const STOPPED: readonly RuntimeType[] = ["local", "serverless"];

export function createRetirePlugin({ installations, stopper, guard }: RetirePluginDeps): RetirePlugin {
  return (identifier) =>
    guard.alone([processOf(identifier)], async () => {
      if (guard.isHeld(identifier)) return;
      for (const runtimeType of STOPPED)
        if (!(await installations.isInstalled(identifier, runtimeType)))
          await stopper.stop(identifier, runtimeType);
    });
}
