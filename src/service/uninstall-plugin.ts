import type { InstallationStore } from "../store/store.ts";
import type { RetirePlugin } from "./retire-plugin.ts";

export interface UninstallDeps {
  readonly installations: Pick<InstallationStore, "remove">;
  readonly retire: RetirePlugin;
}

/** Removes an installation; one that is not there is no error. Waits for the process when it was the last of its version. */
export type Uninstall = (tenantId: string, installationId: string) => Promise<void>;

export function createUninstall({ installations, retire }: UninstallDeps): Uninstall {
  return async (tenantId, installationId) => {
    const removed = await installations.remove(tenantId, installationId);
    if (removed) await retire(removed.identifier);
  };
}
