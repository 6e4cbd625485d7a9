import type { TaskStatus } from "./store.ts";

/** Of a whole task; it is never `pending` (contract/lifecycle 3.4). */
export type WholeTaskStatus = Exclude<TaskStatus, "pending">;

/** `failed` as soon as one item failed, `success` when all succeeded, else `running`. */
export function taskStatusOf(items: readonly TaskStatus[]): WholeTaskStatus {
  if (items.includes("failed")) return "failed";
  return items.every((status) => status === "success") ? "success" : "running";
}
