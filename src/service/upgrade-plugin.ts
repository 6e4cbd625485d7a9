import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { DeclarationStore, InstallationStore, SwitchVersion, TaskStore } from "../store/store.ts";
import type { BackgroundWork } from "./background-work.ts";
import type { InstallJobs } from "./install-jobs.ts";
import type { InstallStarted } from "./install-plugins.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";
import type { RetirePlugin } from "./retire-plugin.ts";

/** What an upgrade asks for; `from` and `to` are identifiers of the same plugin. */
export type UpgradeRequest = Omit<SwitchVersion, "tenantId">;

export interface UpgradePluginDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "installed" | "isInstalled" | "switchVersion">;
  readonly tasks: Pick<TaskStore, "create">;
  readonly jobs: InstallJobs;
  readonly background: BackgroundWork;
  readonly guard: PackageGuard;
  readonly retire: RetirePlugin;
}

/**
 * Points an installation at another version (contract/lifecycle 3.8): at once when some tenant runs that version
 * already, else by a task, after its first heartbeat. Id, endpoints and counters of the installation stay.
 */
export type UpgradePlugin = (tenantId: string, request: UpgradeRequest) => Promise<InstallStarted>;

export function createUpgradePlugin(deps: UpgradePluginDeps): UpgradePlugin {
  const { declarations, installations, tasks, jobs, background, guard, retire } = deps;

  async function switchVersion(tenantId: string, request: UpgradeRequest): Promise<void> {
    if (!(await installations.switchVersion({ tenantId, ...request }))) throw notInstalled();
  }

  return async (tenantId, request) => {
    const { from, to, source } = request;
    if (from === to)
      throw new DaemonError("bad_request", "original and new plugin unique identifier are the same");
    const { pluginId } = requireIdentifier(to);
    if (requireIdentifier(from).pluginId !== pluginId)
      throw new DaemonError("bad_request", "original and new plugin id are different");
    const present = await installations.installed(tenantId, pluginId);
    if (present?.identifier !== from) throw notInstalled();
    const { runtimeType } = present;

    const release = guard.hold(to);
    try {
      if (await installations.isInstalled(to, runtimeType)) {
        await switchVersion(tenantId, request);
        release();
        background.start(`stop ${from}`, () => retire(from));
        return { all_installed: true, task_id: "" };
      }
      // Labels and icons of an upgrade are empty in the reference, too.
      const item = {
        identifier: to,
        pluginId,
        labels: { en_US: "" },
        icon: "",
        iconDark: "",
        source,
      } as const;
      const taskId = await tasks.create({ tenantId, items: [{ ...item, status: "pending", message: "" }] });
      jobs.start({
        taskId,
        identifier: to,
        runtimeType,
        needsStart: async () => {
          await guard.alone([processOf(to)], () => Promise.resolve());
          if (!(await guard.alone([to], () => declarations.get(to)))) throw neverUploaded(to);
          return true;
        },
        record: async () => {
          const now = await installations.installed(tenantId, pluginId);
          if (now && now.runtimeType !== runtimeType)
            throw new DaemonError(
              "bad_request",
              `Cannot upgrade to "${to}": its runtime was changed meanwhile`,
              {
                hint: "Upgrade it once more",
              },
            );
          await switchVersion(tenantId, request);
          return "upgraded";
        },
        after: async () => {
          release();
          await Promise.all([retire(from), retire(to)]);
        },
      });
      return { all_installed: false, task_id: taskId };
    } catch (cause) {
      release();
      throw cause;
    }
  };
}

function notInstalled(): DaemonError {
  return new DaemonError("not_found", "plugin installation not found for this tenant");
}

function neverUploaded(identifier: string): DaemonError {
  return new DaemonError("bad_request", `Cannot upgrade to "${identifier}": the package was not uploaded`, {
    hint: "Upload the package first",
  });
}
