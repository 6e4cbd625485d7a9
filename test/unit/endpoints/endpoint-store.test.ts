import { expect, test } from "bun:test";
import { uuidV7 } from "../../../src/lib/uuid-v7.ts";
import type { EndpointRow, Store } from "../../../src/store/store.ts";
import { install, installation, testStore, upload } from "../store/test-store.ts";

const PAGE = { offset: 0, limit: 100 };
let made = 0;

function endpoint(more: Partial<EndpointRow> = {}): Omit<EndpointRow, "enabled" | "createdAt" | "updatedAt"> {
  return {
    id: uuidV7(new Date()),
    hookId: String(made++).padStart(16, "0"),
    tenantId: "t1",
    userId: "u1",
    pluginId: "acme/hooks",
    name: "n",
    settings: '{"k":1.0}',
    ...more,
  };
}

async function added(store: Store, more: Partial<EndpointRow> = {}): Promise<EndpointRow> {
  const row = await store.endpoints.add(endpoint(more));
  if (!row) throw new Error("the endpoint was refused");
  return row;
}

async function counters(store: Store, tenantId = "t1") {
  const row = await store.installations.find(tenantId, "acme/hooks");
  return [row?.endpointsSetups, row?.endpointsActive];
}

test("add() answers the row, which is found by its hook and its id", async () => {
  const { store, now } = testStore();
  await install(store, "t1", "acme/hooks");
  const given = endpoint();
  const row = await store.endpoints.add(given);
  expect(row).toEqual({ ...given, enabled: true, createdAt: now(), updatedAt: now() });
  expect(await store.endpoints.byHook(given.hookId)).toEqual(row);
  expect(await store.endpoints.byId("t1", given.id)).toEqual(row);
  expect(await store.endpoints.byId("t2", given.id)).toBeUndefined();
  expect(await store.endpoints.byHook("0".repeat(15))).toBeUndefined();
});

test("add() leaves nothing for a plugin that the tenant does not have", async () => {
  const { store } = testStore();
  await install(store, "t2", "acme/hooks");
  expect(await store.endpoints.add(endpoint())).toBeUndefined();
  expect(await store.endpoints.list("t1", PAGE)).toEqual([]);
  expect(await counters(store, "t2")).toEqual([0, 0]);
});

test("add() of a hook that is taken changes neither rows nor counters", async () => {
  const { store } = testStore();
  await install(store, "t1", "acme/hooks");
  const { hookId } = await added(store);
  await expect(store.endpoints.add(endpoint({ hookId }))).rejects.toThrow();
  expect(await counters(store)).toEqual([1, 1]);
});

test("counters follow the rows: the enabled ones are active, and nothing is counted twice", async () => {
  const { store } = testStore();
  await install(store, "t1", "acme/hooks");
  await install(store, "t2", "acme/hooks");
  const first = await added(store);
  const second = await added(store);
  expect(await counters(store)).toEqual([2, 2]);
  for (const enabled of [false, false, true, true, false]) {
    expect(await store.endpoints.setEnabled("t1", first.id, enabled)).toBe(true);
    expect(await counters(store)).toEqual([2, enabled ? 2 : 1]);
  }
  // A disabled one takes only itself away.
  expect((await store.endpoints.remove("t1", first.id))?.id).toBe(first.id);
  expect(await counters(store)).toEqual([1, 1]);
  await store.endpoints.remove("t1", second.id);
  expect(await counters(store)).toEqual([0, 0]);
  expect(await store.endpoints.remove("t1", second.id)).toBeUndefined();
  expect(await counters(store)).toEqual([0, 0]);
  expect(await counters(store, "t2")).toEqual([0, 0]);
});

test("counters do not touch the time of the installation", async () => {
  const { store, pass } = testStore();
  const before = await install(store, "t1", "acme/hooks");
  pass(1000);
  await added(store);
  expect((await store.installations.find("t1", "acme/hooks"))?.updatedAt).toEqual(before.updatedAt);
});

test("endpoints outlive an uninstallation, and the next installation counts them", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/hooks");
  const first = await added(store);
  await added(store);
  await store.endpoints.setEnabled("t1", first.id, false);
  await store.installations.remove("t1", row.id);
  expect(await store.endpoints.list("t1", PAGE)).toHaveLength(2);
  expect(await store.endpoints.setEnabled("t1", first.id, true)).toBe(true);
  expect(await store.endpoints.setEnabled("t1", first.id, false)).toBe(true);
  const again = (await store.installations.add(installation("t1", "acme/hooks"))).row;
  expect([again.endpointsSetups, again.endpointsActive]).toEqual([2, 1]);
});

test("an upgrade keeps endpoints and counters", async () => {
  const { store } = testStore();
  const { identifier } = await install(store, "t1", "acme/hooks");
  await added(store);
  const to = identifier.replace("1.0.0", "2.0.0");
  await store.declarations.save(upload("acme/hooks", { identifier: to }));
  await store.installations.switchVersion({
    tenantId: "t1",
    from: identifier,
    to,
    source: "package",
    meta: {},
  });
  expect(await counters(store)).toEqual([1, 1]);
  expect(await store.endpoints.list("t1", PAGE)).toHaveLength(1);
});

test("list() is newest first, of one tenant, a page of it, and of one plugin", async () => {
  const { store, pass } = testStore();
  await install(store, "t1", "acme/hooks");
  await install(store, "t1", "acme/other");
  await install(store, "t2", "acme/hooks");
  const rows: string[] = [];
  for (const more of [{}, { pluginId: "acme/other" }, {}, { tenantId: "t2" }]) {
    rows.push((await added(store, more)).id);
    pass(1);
  }
  const ids = (list: readonly EndpointRow[]) => list.map(({ id }) => rows.indexOf(id));
  expect(ids(await store.endpoints.list("t1", PAGE))).toEqual([2, 1, 0]);
  expect(ids(await store.endpoints.list("t1", { offset: 1, limit: 1 }))).toEqual([1]);
  expect(ids(await store.endpoints.listOfPlugin("t1", "acme/hooks", PAGE))).toEqual([2, 0]);
  expect(ids(await store.endpoints.listOfPlugin("t1", "acme/none", PAGE))).toEqual([]);
});

test("update() changes name, settings and time, and nothing of another tenant", async () => {
  const { store, pass, now } = testStore();
  await install(store, "t1", "acme/hooks");
  const row = await added(store);
  pass(5);
  expect(await store.endpoints.update("t1", row.id, { name: "new", settings: "{}" })).toBe(true);
  expect(await store.endpoints.byId("t1", row.id)).toEqual({
    ...row,
    name: "new",
    settings: "{}",
    updatedAt: now(),
  });
  for (const [tenant, id] of [
    ["t2", row.id],
    ["t1", "none"],
  ] as const) {
    expect(await store.endpoints.update(tenant, id, { name: "x", settings: "{}" })).toBe(false);
    expect(await store.endpoints.setEnabled(tenant, id, false)).toBe(false);
    expect(await store.endpoints.remove(tenant, id)).toBeUndefined();
  }
});
