import { DaemonError } from "../protocol/daemon-error.ts";
import { parseIdentifier } from "../protocol/identifier.ts";
import type { Page, TaskRow, TaskStatus, TaskStore } from "../store/store.ts";
import { SHUTDOWN_MESSAGE } from "./install-launches.ts";

/** A task as the API shows it (contract/lifecycle 3.4). Times are RFC 3339. */
export interface InstallTask {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly status: TaskStatus;
  readonly tenant_id: string;
  readonly total_plugins: number;
  readonly completed_plugins: number;
  readonly plugins: readonly InstallTaskItem[];
}

export interface InstallTaskItem {
  readonly plugin_unique_identifier: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly icon: string;
  readonly icon_dark: string;
  readonly plugin_id: string;
  readonly status: TaskStatus;
  readonly message: string;
  readonly source: string;
}

export interface InstallTasks {
  /** Newest first. */
  list(tenantId: string, page: Page): Promise<readonly InstallTask[]>;
  /** Throws `internal` with `record not found`, which clients know, when there is no such task. */
  get(tenantId: string, id: string): Promise<InstallTask>;
  /** Removes the record; the work goes on. Also succeeds when there is no such task. */
  delete(tenantId: string, id: string): Promise<void>;
  deleteAll(tenantId: string): Promise<void>;
  /** Removes one plugin from the record. Throws `bad_request` when the text is no identifier. */
  deleteItem(tenantId: string, id: string, identifier: string): Promise<void>;
  /** Removes tasks that succeeded long enough ago. */
  sweep(): Promise<void>;
  /** Ends the tasks of a process that is gone as failed. To be called before the first new task. Answers how many. */
  failLeftOver(): Promise<number>;
}

export interface InstallTasksDeps {
  readonly tasks: TaskStore;
  /** How long a task that succeeded is kept (`PLUGD_TASK_RETENTION`). */
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createInstallTasks({ tasks, retentionMs, now }: InstallTasksDeps): InstallTasks {
  return {
    async list(tenantId, page) {
      return (await tasks.list(tenantId, page)).map(taskView);
    },
    async get(tenantId, id) {
      const row = await tasks.get(tenantId, id);
      if (!row) throw new DaemonError("internal", "record not found");
      return taskView(row);
    },
    delete: (tenantId, id) => tasks.delete(tenantId, id),
    deleteAll: (tenantId) => tasks.deleteAll(tenantId),
    async deleteItem(tenantId, id, identifier) {
      if (!parseIdentifier(identifier))
        throw new DaemonError("bad_request", `plugin_unique_identifier is not valid: ${identifier}`);
      await tasks.deleteItem(tenantId, id, identifier);
    },
    async sweep() {
      await tasks.deleteSucceeded(new Date(now() - retentionMs));
    },
    failLeftOver: () => tasks.failUnfinished(SHUTDOWN_MESSAGE),
  };
}

function taskView(row: TaskRow): InstallTask {
  return {
    id: row.id,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    status: row.status,
    tenant_id: row.tenantId,
    total_plugins: row.items.length,
    completed_plugins: row.items.filter((item) => item.status === "success").length,
    plugins: row.items.map((item) => ({
      plugin_unique_identifier: item.identifier,
      labels: item.labels,
      icon: item.icon,
      icon_dark: item.iconDark,
      plugin_id: item.pluginId,
      status: item.status,
      message: item.message,
      source: item.source,
    })),
  };
}
