import type { InstallationStore } from "../store/store.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";

/** Ends the process of a plugin; the runtime stands behind it. */
export interface PluginStopper {
  /** Lets open sessions finish within bounds and resolves when the process has ended; at once when there is none. */
  stop(identifier: string): Promise<void>;
}

export interface RetirePluginDeps {
  readonly installations: Pick<InstallationStore, "isInstalled">;
  readonly stopper: PluginStopper;
  readonly guard: PackageGuard;
}

/** Stops a plugin that no tenant has installed and that no installation is about to use; else does nothing. */
export type RetirePlugin = (identifier: string) => Promise<void>;

export function createRetirePlugin({ installations, stopper, guard }: RetirePluginDeps): RetirePlugin {
  return (identifier) =>
    guard.alone([processOf(identifier)], async () => {
      if (guard.isHeld(identifier) || (await installations.isInstalled(identifier))) return;
      await stopper.stop(identifier);
    });
}
