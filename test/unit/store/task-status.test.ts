import { expect, test } from "bun:test";
import type { TaskStatus } from "../../../src/store/store.ts";
import { taskStatusOf, type WholeTaskStatus } from "../../../src/store/task-status.ts";

const cases: readonly (readonly [readonly TaskStatus[], WholeTaskStatus])[] = [
  [["pending"], "running"],
  [["running"], "running"],
  [["success"], "success"],
  [["failed"], "failed"],
  [["pending", "success"], "running"],
  [["running", "success"], "running"],
  [["success", "success"], "success"],
  [["success", "failed"], "failed"],
  [["running", "failed"], "failed"],
  [["pending", "failed"], "failed"],
  [[], "success"],
];

for (const [items, status] of cases)
  test(`taskStatusOf() [${items.join(", ")}] is ${status}`, () => {
    expect(taskStatusOf(items)).toBe(status);
  });
