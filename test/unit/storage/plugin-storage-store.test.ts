import { expect, test } from "bun:test";
import type { StorageContent } from "../../../src/store/store.ts";
import { testStore } from "../store/test-store.ts";

const scope = { tenantId: "t1", pluginId: "acme/notes" };
const bytesOf = (text: string): StorageContent => ({ kind: "bytes", value: new TextEncoder().encode(text) });

test("commit() keeps the newest change of a key, and the sum of all deltas", async () => {
  const { pluginStorage } = testStore().store;
  const first = await pluginStorage.commit({ ...scope, key: "a", content: bytesOf("one"), deltaBytes: 3 });
  const file: StorageContent = { kind: "file", name: "f1", bytes: 70_000 };
  const second = await pluginStorage.commit({ ...scope, key: "b", content: file, deltaBytes: 70_000 });
  const third = await pluginStorage.commit({
    ...scope,
    key: "a",
    content: { kind: "deleted" },
    deltaBytes: -3,
  });
  expect(first < second && second < third).toBe(true);
  expect(await pluginStorage.changes()).toEqual([
    { ...scope, key: "b", version: second, content: file },
    { ...scope, key: "a", version: third, content: { kind: "deleted" } },
  ]);
  expect(await pluginStorage.bytes(scope)).toBe(70_000);
  expect(await pluginStorage.bytes({ ...scope, tenantId: "t2" })).toBeUndefined();
});

test("commit() stores an empty value, which is not the same as none", async () => {
  const { pluginStorage } = testStore().store;
  await pluginStorage.commit({ ...scope, key: "empty", content: bytesOf(""), deltaBytes: 0 });
  expect((await pluginStorage.changes()).map(({ content }) => content)).toEqual([bytesOf("")]);
});

test("settle() forgets a change, but not the one that took its place", async () => {
  const { pluginStorage } = testStore().store;
  const version = await pluginStorage.commit({ ...scope, key: "a", content: bytesOf("1"), deltaBytes: 1 });
  const later = await pluginStorage.commit({ ...scope, key: "a", content: bytesOf("2"), deltaBytes: 0 });
  await pluginStorage.settle([{ ...scope, key: "a", version }]);
  expect(await pluginStorage.changes()).toMatchObject([{ key: "a", version: later }]);
  await pluginStorage.settle([{ ...scope, key: "a", version: later }]);
  expect(await pluginStorage.changes()).toEqual([]);
  expect(await pluginStorage.bytes(scope)).toBe(1);
});

test("setBytes() replaces the sum", async () => {
  const { pluginStorage } = testStore().store;
  await pluginStorage.setBytes(scope, 10);
  await pluginStorage.commit({ ...scope, key: "a", content: bytesOf("1"), deltaBytes: 1 });
  expect(await pluginStorage.bytes(scope)).toBe(11);
  await pluginStorage.setBytes(scope, 5);
  expect(await pluginStorage.bytes(scope)).toBe(5);
});
