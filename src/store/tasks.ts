import { uuidV7 } from "../lib/uuid-v7.ts";
import { cutMessage } from "./cut-message.ts";
import type { Database } from "./database.ts";
import type { TaskItem, TaskRow, TaskStatus, TaskStore } from "./store.ts";
import { taskStatusOf, type WholeTaskStatus } from "./task-status.ts";

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly status: WholeTaskStatus;
  readonly succeeded_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

interface ItemRow {
  readonly task_id: string;
  readonly identifier: string;
  readonly plugin_id: string;
  readonly labels: string;
  readonly icon: string;
  readonly icon_dark: string;
  readonly status: TaskStatus;
  readonly message: string;
  readonly source: string;
}

/**
 * Tasks and their items. A task's status is never set, only derived from its items after each change of them, so the
 * two cannot contradict each other.
 */
export function createTaskStore(database: Database, { now }: { readonly now: () => Date }): TaskStore {
  const insert = database.prepare<never>(
    `INSERT INTO tasks (id, tenant_id, status, succeeded_at, created_at, updated_at)
     VALUES ($id, $tenantId, $status, $succeededAt, $at, $at)`,
  );
  const insertItem = database.prepare<never>(
    `INSERT INTO task_items
       (task_id, identifier, position, plugin_id, labels, icon, icon_dark, status, message, source)
     VALUES
       ($id, $identifier, $position, $pluginId, $labels, $icon, $iconDark, $status, $message, $source)
     ON CONFLICT DO NOTHING`,
  );
  const byId = database.prepare<Row, { tenantId: string; id: string }>(
    "SELECT * FROM tasks WHERE id = $id AND tenant_id = $tenantId",
  );
  const page = database.prepare<Row, { tenantId: string; limit: number; offset: number }>(
    `SELECT * FROM tasks WHERE tenant_id = $tenantId
     ORDER BY created_at DESC, id DESC LIMIT $limit OFFSET $offset`,
  );
  const itemsOf = database.prepare<ItemRow, { id: string }>(
    "SELECT * FROM task_items WHERE task_id = $id ORDER BY position",
  );
  const changeItem = database.prepare<never>(
    `UPDATE task_items SET status = coalesce($status, status), message = coalesce($message, message)
     WHERE task_id = $id AND identifier = $identifier`,
  );
  const removeItem = database.prepare<never, { id: string; identifier: string }>(
    "DELETE FROM task_items WHERE task_id = $id AND identifier = $identifier",
  );
  const statuses = database.prepare<{ status: TaskStatus }, { id: string }>(
    "SELECT status FROM task_items WHERE task_id = $id",
  );
  const setStatus = database.prepare<never>(
    `UPDATE tasks SET status = $status, updated_at = $at,
       succeeded_at = CASE WHEN $status = 'success' THEN coalesce(succeeded_at, $at) END
     WHERE id = $id`,
  );
  const remove = database.prepare<never, { tenantId: string; id: string }>(
    "DELETE FROM tasks WHERE id = $id AND tenant_id = $tenantId",
  );
  const removeAll = database.prepare<never, { tenantId: string }>(
    "DELETE FROM tasks WHERE tenant_id = $tenantId",
  );
  const removeSucceeded = database.prepare<never, { before: number }>(
    "DELETE FROM tasks WHERE succeeded_at < $before",
  );
  const unfinished = database.prepare<{ task_id: string }, Record<string, never>>(
    "SELECT DISTINCT task_id FROM task_items WHERE status IN ('pending', 'running')",
  );
  const failItems = database.prepare<never, { message: string }>(
    `UPDATE task_items SET status = 'failed', message = $message
     WHERE status IN ('pending', 'running')`,
  );

  function derive(id: string): WholeTaskStatus {
    const status = taskStatusOf(statuses.all({ id }).map((row) => row.status));
    setStatus.run({ id, status, at: now().getTime() });
    return status;
  }

  return {
    create: ({ tenantId, items }) =>
      database.write(() => {
        const at = now();
        const id = uuidV7(at);
        const status = taskStatusOf(items.map((item) => item.status));
        const succeededAt = status === "success" ? at.getTime() : null;
        insert.run({ id, tenantId, status, succeededAt, at: at.getTime() });
        items.forEach((item, position) => {
          insertItem.run({
            id,
            identifier: item.identifier,
            position,
            pluginId: item.pluginId,
            labels: JSON.stringify(item.labels),
            icon: item.icon,
            iconDark: item.iconDark,
            status: item.status,
            message: cutMessage(item.message),
            source: item.source,
          });
        });
        return id;
      }),
    get: (tenantId, id) =>
      database.read(() => {
        const row = byId.get({ tenantId, id });
        return row ? toTaskRow(row, itemsOf.all({ id })) : undefined;
      }),
    list: (tenantId, { offset, limit }) =>
      database.read(() =>
        page.all({ tenantId, limit, offset }).map((row) => toTaskRow(row, itemsOf.all({ id: row.id }))),
      ),
    updateItem: (id, identifier, { status, message }) =>
      database.write(() => {
        const { changes } = changeItem.run({
          id,
          identifier,
          status: status ?? null,
          message: message === undefined ? null : cutMessage(message),
        });
        if (changes > 0) derive(id);
      }),
    delete: (tenantId, id) => database.write(() => void remove.run({ tenantId, id })),
    deleteAll: (tenantId) => database.write(() => void removeAll.run({ tenantId })),
    deleteItem: (tenantId, id, identifier) =>
      database.write(() => {
        if (!byId.get({ tenantId, id })) return;
        removeItem.run({ id, identifier });
        // Nothing left counts as all succeeded.
        if (derive(id) === "success") remove.run({ tenantId, id });
      }),
    failUnfinished: (message) =>
      database.write(() => {
        const ids = unfinished.all({}).map((row) => row.task_id);
        failItems.run({ message: cutMessage(message) });
        for (const id of ids) derive(id);
        return ids.length;
      }),
    deleteSucceeded: (before) =>
      database.write(() => removeSucceeded.run({ before: before.getTime() }).changes),
  };
}

function toTaskRow(row: Row, items: readonly ItemRow[]): TaskRow {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    status: row.status,
    items: items.map(toTaskItem),
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  };
}

function toTaskItem(row: ItemRow): TaskItem {
  return {
    identifier: row.identifier,
    pluginId: row.plugin_id,
    labels: JSON.parse(row.labels),
    icon: row.icon,
    iconDark: row.icon_dark,
    status: row.status,
    message: row.message,
    source: row.source,
  };
}
