import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { TaskStatus } from "../../../src/store/store.ts";
import { taskStatusOf } from "../../../src/store/task-status.ts";
import { identifierOf, item, testStore } from "./test-store.ts";

const a = identifierOf("acme/a");
const b = identifierOf("acme/b");

async function twoItems() {
  const test = testStore();
  const id = await test.store.tasks.create({ tenantId: "t1", items: [item("acme/b"), item("acme/a")] });
  return { ...test, id, tasks: test.store.tasks };
}

test("create() makes a running task of pending items, in their order", async () => {
  const { tasks, id, now } = await twoItems();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(await tasks.get("t1", id)).toEqual({
    id,
    tenantId: "t1",
    status: "running",
    items: [item("acme/b"), item("acme/a")],
    createdAt: now(),
    updatedAt: now(),
  });
});

test("create() takes an identifier that is named twice once", async () => {
  const { store } = testStore();
  const id = await store.tasks.create({
    tenantId: "t1",
    items: [item("acme/a", { source: "first" }), item("acme/a", { source: "second" }), item("acme/b")],
  });
  const task = await store.tasks.get("t1", id);
  expect(task?.items.map((entry) => entry.source)).toEqual(["first", "package"]);
});

test("get() does not see other tenants' tasks", async () => {
  const { tasks, id } = await twoItems();
  expect(await tasks.get("t2", id)).toBeUndefined();
  expect(await tasks.get("t1", "unknown")).toBeUndefined();
});

test("list() pages newest first, also within one millisecond", async () => {
  const { store, pass } = testStore();
  const create = (tenantId: string) => store.tasks.create({ tenantId, items: [item("acme/a")] });
  const ids = [await create("t1"), await create("t1")];
  pass(1);
  ids.push(await create("t1"), await create("t1"), await create("t1"));
  await create("t2");
  const newest = ids.toReversed();
  const list = async (offset: number, limit: number) =>
    (await store.tasks.list("t1", { offset, limit })).map((task) => task.id);
  expect(await list(0, 10)).toEqual(newest);
  expect(await list(1, 2)).toEqual(newest.slice(1, 3));
  expect((await store.tasks.list("t1", { offset: 0, limit: 1 }))[0]?.items).toEqual([item("acme/a")]);
});

test("updateItem() changes one item in place and derives the task's status", async () => {
  const { tasks, id, pass, now } = await twoItems();
  const created = now();
  const statusAfter = async (identifier: string, status: TaskStatus) => {
    pass(1);
    await tasks.updateItem(id, identifier, { status });
    return (await tasks.get("t1", id))?.status;
  };
  expect(await statusAfter(a, "running")).toBe("running");
  expect(await statusAfter(a, "success")).toBe("running");
  expect(await statusAfter(b, "failed")).toBe("failed");
  expect(await statusAfter(b, "success")).toBe("success");
  expect(await statusAfter(a, "failed")).toBe("failed");
  const task = await tasks.get("t1", id);
  expect(task?.items.map((entry) => entry.status)).toEqual(["success", "failed"]);
  expect(task?.createdAt).toEqual(created);
  expect(task?.updatedAt).toEqual(now());
});

test("updateItem() leaves what it is not given", async () => {
  const { tasks, id } = await twoItems();
  await tasks.updateItem(id, a, { status: "running", message: "starting" });
  await tasks.updateItem(id, a, { message: "still starting" });
  await tasks.updateItem(id, a, { status: "success" });
  expect((await tasks.get("t1", id))?.items[1]).toMatchObject({
    status: "success",
    message: "still starting",
  });
  await tasks.updateItem(id, a, { message: "" });
  expect((await tasks.get("t1", id))?.items[1]?.message).toBe("");
});

test("updateItem() cuts a long message in the middle", async () => {
  const { tasks, id } = await twoItems();
  await tasks.updateItem(id, a, { status: "failed", message: "€".repeat(1000) });
  expect((await tasks.get("t1", id))?.items[1]?.message).toBe(`${"€".repeat(170)}...${"€".repeat(170)}`);
});

test("updateItem() ignores tasks and items that are gone", async () => {
  const { tasks, id, pass } = await twoItems();
  const before = await tasks.get("t1", id);
  pass(1);
  await tasks.updateItem(id, identifierOf("acme/none"), { status: "failed" });
  expect(await tasks.get("t1", id)).toEqual(before);
  await tasks.delete("t1", id);
  await tasks.updateItem(id, a, { status: "success" });
  expect(await tasks.get("t1", id)).toBeUndefined();
});

test("delete() and deleteAll() stay within the tenant and succeed when nothing matches", async () => {
  const { tasks, id } = await twoItems();
  const other = await tasks.create({ tenantId: "t2", items: [item("acme/a")] });
  await tasks.delete("t2", id);
  await tasks.deleteAll("t2");
  await tasks.deleteAll("t2");
  expect(await tasks.get("t1", id)).toBeDefined();
  expect(await tasks.get("t2", other)).toBeUndefined();
  await tasks.delete("t1", id);
  await tasks.delete("t1", id);
  expect(await tasks.list("t1", { offset: 0, limit: 10 })).toEqual([]);
});

test("deleteItem() removes the task when all the rest succeeded", async () => {
  const { tasks, id } = await twoItems();
  await tasks.updateItem(id, a, { status: "success" });
  await tasks.updateItem(id, b, { status: "failed" });
  await tasks.deleteItem("t1", id, b);
  expect(await tasks.get("t1", id)).toBeUndefined();
});

test("deleteItem() removes the task when nothing is left", async () => {
  const { tasks, id } = await twoItems();
  await tasks.deleteItem("t1", id, a);
  expect((await tasks.get("t1", id))?.items).toEqual([item("acme/b")]);
  await tasks.deleteItem("t1", id, b);
  expect(await tasks.get("t1", id)).toBeUndefined();
});

test("deleteItem() derives the status of what is left", async () => {
  const { tasks, id } = await twoItems();
  await tasks.updateItem(id, a, { status: "failed" });
  await tasks.deleteItem("t1", id, a);
  expect((await tasks.get("t1", id))?.status).toBe("running");
});

test("deleteItem() ignores other tenants' tasks and unknown ones", async () => {
  const { tasks, id } = await twoItems();
  await tasks.deleteItem("t2", id, a);
  await tasks.deleteItem("t1", "unknown", a);
  expect((await tasks.get("t1", id))?.items).toHaveLength(2);
});

test("failUnfinished() fails what is unfinished, also in tasks that have failed, and keeps what succeeded", async () => {
  const { tasks, id } = await twoItems();
  const message = "An unexpected daemon shutdown occurred";
  await tasks.updateItem(id, a, { status: "success", message: "installed" });
  const failed = await tasks.create({ tenantId: "t2", items: [item("acme/a"), item("acme/b")] });
  await tasks.updateItem(failed, a, { status: "failed", message: "no" });
  const finished = await tasks.create({ tenantId: "t2", items: [item("acme/a")] });
  await tasks.updateItem(finished, a, { status: "success" });
  expect(await tasks.failUnfinished(message)).toBe(2);
  const shown = async (tenantId: string, taskId: string) => {
    const task = await tasks.get(tenantId, taskId);
    return [task?.status, ...(task?.items ?? []).map((entry) => `${entry.status} ${entry.message}`)];
  };
  expect(await shown("t1", id)).toEqual(["failed", `failed ${message}`, "success installed"]);
  expect(await shown("t2", failed)).toEqual(["failed", "failed no", `failed ${message}`]);
  expect(await shown("t2", finished)).toEqual(["success", "success "]);
  expect(await tasks.failUnfinished(message)).toBe(0);
});

test("deleteSucceeded() counts from the success of the whole task and spares the rest", async () => {
  const { tasks, id, pass } = await twoItems();
  const failed = await tasks.create({ tenantId: "t1", items: [item("acme/a")] });
  await tasks.updateItem(failed, a, { status: "failed" });
  await tasks.updateItem(id, a, { status: "success" });
  const success = pass(10);
  await tasks.updateItem(id, b, { status: "success" });
  const later = pass(10);
  await tasks.updateItem(id, b, { message: "installed" });
  expect(await tasks.deleteSucceeded(success)).toBe(0);
  expect(await tasks.deleteSucceeded(later)).toBe(1);
  expect((await tasks.list("t1", { offset: 0, limit: 10 })).map((task) => task.id)).toEqual([failed]);
});

test("deleteSucceeded() forgets a success that became a failure", async () => {
  const { store, pass } = testStore();
  const id = await store.tasks.create({ tenantId: "t1", items: [item("acme/a")] });
  await store.tasks.updateItem(id, a, { status: "success" });
  await store.tasks.updateItem(id, a, { status: "failed" });
  expect(await store.tasks.deleteSucceeded(pass(10))).toBe(0);
});

test("a task's status always follows from its items, whatever changes them", async () => {
  const names = ["acme/a", "acme/b", "acme/c"];
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("update" as const),
      name: fc.constantFrom(...names, "acme/none"),
      status: fc.constantFrom<TaskStatus>("pending", "running", "success", "failed"),
    }),
    fc.record({ kind: fc.constant("deleteItem" as const), name: fc.constantFrom(...names, "acme/none") }),
    fc.record({ kind: fc.constant("failUnfinished" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { store } = testStore();
      const id = await store.tasks.create({ tenantId: "t1", items: names.map((name) => item(name)) });
      let model: Map<string, TaskStatus> | undefined = new Map(names.map((name) => [name, "pending"]));
      for (const step of steps) {
        switch (step.kind) {
          case "update":
            await store.tasks.updateItem(id, identifierOf(step.name), { status: step.status });
            if (model?.has(step.name)) model.set(step.name, step.status);
            break;
          case "deleteItem":
            await store.tasks.deleteItem("t1", id, identifierOf(step.name));
            model?.delete(step.name);
            if (model && [...model.values()].every((status) => status === "success")) model = undefined;
            break;
          case "failUnfinished":
            await store.tasks.failUnfinished("gone");
            for (const [name, status] of model ?? [])
              if (status === "pending" || status === "running") model?.set(name, "failed");
            break;
        }
        const task = await store.tasks.get("t1", id);
        expect(task && new Map(task.items.map((entry) => [entry.pluginId, entry.status]))).toEqual(model);
        expect(task?.status).toBe(model && taskStatusOf([...model.values()]));
      }
      await store.close();
    }),
    { numRuns: 100 },
  );
});
