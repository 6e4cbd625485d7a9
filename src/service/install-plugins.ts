import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type {
  DeclarationRow,
  DeclarationStore,
  InstallationStore,
  TaskItem,
  TaskStore,
} from "../store/store.ts";
import type { ChooseRuntime } from "./choose-runtime.ts";
import type { InstallJobs } from "./install-jobs.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";
import type { RetirePlugin } from "./retire-plugin.ts";

export interface InstallRequest {
  readonly identifiers: readonly string[];
  /** `github`, `marketplace` or `package`; kept as it is. */
  readonly source: string;
  /** One per identifier; null stands for an empty one. `runtime` in it is a wish: `local`, `serverless` or `auto`. */
  readonly metas: readonly (Readonly<Record<string, unknown>> | null)[];
}

/** Answer of an installation and of an upgrade; the task id is empty when everything is installed already. */
export interface InstallStarted {
  readonly all_installed: boolean;
  readonly task_id: string;
}

export interface InstallPluginsDeps {
  readonly declarations: Pick<DeclarationStore, "get">;
  readonly installations: Pick<InstallationStore, "installed" | "add">;
  readonly tasks: Pick<TaskStore, "create">;
  readonly jobs: InstallJobs;
  readonly guard: PackageGuard;
  readonly retire: RetirePlugin;
  readonly choose: ChooseRuntime;
}

/** Starts a task that installs uploaded packages for a tenant (contract/lifecycle 3.3). */
export type InstallPlugins = (tenantId: string, request: InstallRequest) => Promise<InstallStarted>;

export function createInstallPlugins(deps: InstallPluginsDeps): InstallPlugins {
  const { declarations, installations, tasks, jobs, guard, retire, choose } = deps;

  /** Any version of a plugin counts: another one is a matter of upgrading. */
  async function isInstalled(tenantId: string, identifier: string): Promise<boolean> {
    return (await installations.installed(tenantId, requireIdentifier(identifier).pluginId)) !== undefined;
  }

  async function declarationOf(identifier: string): Promise<DeclarationRow> {
    const row = await guard.alone([identifier], () => declarations.get(identifier));
    if (!row) throw new DaemonError("internal", "plugin not found\nfailed to get plugin declaration");
    return row;
  }

  return async (tenantId, { identifiers, source, metas }) => {
    if (metas.length !== identifiers.length)
      throw new DaemonError(
        "bad_request",
        "the number of metas must be equal to the number of plugin unique identifiers",
      );
    const metaOf = new Map(identifiers.map((identifier, i) => [identifier, metas[i] ?? {}] as const));
    const wanted = [...metaOf.keys()];
    const installed = await Promise.all(wanted.map((identifier) => isInstalled(tenantId, identifier)));
    if (!installed.includes(false)) return { all_installed: true, task_id: "" };

    const releases = new Map(wanted.map((identifier) => [identifier, guard.hold(identifier)] as const));
    try {
      const rows = await Promise.all(wanted.map(declarationOf));
      const choices = new Map(
        rows.map(({ identifier, declaration }) => [
          identifier,
          choose(metaOf.get(identifier)?.["runtime"], declaration),
        ]),
      );
      const taskId = await tasks.create({ tenantId, items: rows.map((row) => pendingItem(row, source)) });
      for (const { identifier, pluginId, declaration } of rows) {
        const { runtimeType, reason } = choices.get(identifier) ?? choose(undefined, declaration);
        jobs.start({
          taskId,
          identifier,
          runtimeType,
          needsStart: async () => {
            // An uninstallation that is just stopping this version has to be over.
            await guard.alone([processOf(identifier)], () => Promise.resolve());
            return !(await isInstalled(tenantId, identifier));
          },
          record: async () => {
            const meta = metaOf.get(identifier) ?? {};
            const runs = { runtimeType, runtimeReason: reason };
            await installations.add({ tenantId, pluginId, identifier, ...runs, source, meta });
            return "installed";
          },
          after: async () => {
            releases.get(identifier)?.();
            await retire(identifier);
          },
        });
      }
      return { all_installed: false, task_id: taskId };
    } catch (cause) {
      for (const release of releases.values()) release();
      throw cause;
    }
  };
}

function pendingItem({ identifier, pluginId, declaration }: DeclarationRow, source: string): TaskItem {
  return {
    identifier,
    pluginId,
    labels: { ...declaration.label },
    icon: declaration.icon,
    iconDark: declaration.icon_dark,
    status: "pending",
    message: "",
    source,
  };
}
