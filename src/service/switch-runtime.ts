import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { DeclarationStore, InstallationStore, TaskStore } from "../store/store.ts";
import type { ChooseRuntime, RuntimeWish } from "./choose-runtime.ts";
import type { InstallJobs } from "./install-jobs.ts";
import type { InstallStarted } from "./install-plugins.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";
import type { RetirePlugin } from "./retire-plugin.ts";

export interface RuntimeSwitch {
  readonly pluginId: string;
  readonly runtime: RuntimeWish;
}

export interface SwitchRuntimeDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "installed" | "switchRuntime">;
  readonly tasks: Pick<TaskStore, "create">;
  readonly choose: ChooseRuntime;
  readonly jobs: InstallJobs;
  readonly guard: PackageGuard;
  readonly retire: RetirePlugin;
}

/**
 * Moves an installation to another runtime, by a task: the new one is made ready, then calls go to it, and the old one is
 * stopped after its open calls. Throws `plugin_not_found`.
 */
export type SwitchRuntime = (tenantId: string, request: RuntimeSwitch) => Promise<InstallStarted>;

export function createSwitchRuntime(deps: SwitchRuntimeDeps): SwitchRuntime {
  const { declarations, installations, tasks, jobs, guard, retire } = deps;

  return async (tenantId, { pluginId, runtime }) => {
    const present = await installations.installed(tenantId, pluginId);
    if (!present) throw new DaemonError("plugin_not_found", "plugin not found");
    const { identifier } = present;
    const release = guard.hold(identifier);
    try {
      const row = await guard.alone([identifier], () => declarations.get(identifier));
      if (!row) throw new DaemonError("internal", `Cannot find the declaration of "${identifier}"`);
      const { runtimeType, reason } = deps.choose(runtime, row.declaration);
      const change = { tenantId, identifier, runtimeType, runtimeReason: reason };
      if (runtimeType === present.runtimeType) {
        await installations.switchRuntime(change);
        release();
        return { all_installed: true, task_id: "" };
      }
      const { label, icon, icon_dark: iconDark } = row.declaration;
      const item = { identifier, pluginId, labels: { ...label }, icon, iconDark, source: present.source };
      const taskId = await tasks.create({ tenantId, items: [{ ...item, status: "pending", message: "" }] });
      jobs.start({
        taskId,
        identifier,
        runtimeType,
        needsStart: async () => {
          await guard.alone([processOf(identifier)], () => Promise.resolve());
          return true;
        },
        record: async () => {
          if (!(await installations.switchRuntime(change)))
            throw new DaemonError(
              "not_found",
              `Cannot move "${requireIdentifier(identifier).pluginId}": it was upgraded or uninstalled meanwhile`,
            );
          return `runs as ${runtimeType}`;
        },
        after: async () => {
          release();
          await retire(identifier);
        },
      });
      return { all_installed: false, task_id: taskId };
    } catch (cause) {
      release();
      throw cause;
    }
  };
}
