import { expect, test } from "bun:test";
import { testStore } from "../store/test-store.ts";

test("setBytes() notes how much a plugin keeps for a tenant, bytes() tells it", async () => {
  const { pluginStorage } = testStore().store;
  const scope = { tenantId: "t1", pluginId: "acme/notes" };
  expect(await pluginStorage.bytes(scope)).toBeUndefined();
  await pluginStorage.setBytes(scope, 10);
  await pluginStorage.setBytes(scope, 5_000_000_000);
  expect(await pluginStorage.bytes(scope)).toBe(5_000_000_000);
  expect(await pluginStorage.bytes({ ...scope, tenantId: "t2" })).toBeUndefined();
  expect(await pluginStorage.bytes({ ...scope, pluginId: "acme/other" })).toBeUndefined();
});
