import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { identifierOf, install, installation, testStore, upload } from "./test-store.ts";

test("add() answers the new row, with a UUID v7 and zero endpoints", async () => {
  const { store, now } = testStore();
  await store.declarations.save(upload("acme/search"));
  const { row, created } = await store.installations.add(
    installation("t1", "acme/search", { source: "github", meta: { repo: "a/b", release: "1" } }),
  );
  expect(created).toBe(true);
  expect(row).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    tenantId: "t1",
    pluginId: "acme/search",
    identifier: identifierOf("acme/search"),
    runtimeType: "local",
    runtimeReason: "",
    source: "github",
    meta: { repo: "a/b", release: "1" },
    endpointsSetups: 0,
    endpointsActive: 0,
    createdAt: now(),
    updatedAt: now(),
  });
  expect(await store.installations.find("t1", "acme/search")).toEqual(row);
  expect(await store.installations.byId("t1", row.id)).toEqual(row);
});

test("add() answers the row that is there, whatever its version", async () => {
  const { store } = testStore();
  const there = await install(store, "t1", "acme/search", "1.0.0");
  const identifier = identifierOf("acme/search", "2.0.0");
  await store.declarations.save(upload("acme/search", { identifier }));
  expect(await store.installations.add(installation("t1", "acme/search", { identifier }))).toEqual({
    row: there,
    created: false,
  });
});

test("add() of several at once makes one row", async () => {
  const { store } = testStore();
  await store.declarations.save(upload("acme/search"));
  const added = await Promise.all(
    Array.from({ length: 5 }, () => store.installations.add(installation("t1", "acme/search"))),
  );
  expect(added.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(added.map(({ row }) => row.id)).size).toBe(1);
});

test("add() refuses a plugin whose declaration is not stored, and leaves nothing", async () => {
  const { store } = testStore();
  expect(await rejection(store.installations.add(installation("t1", "acme/search")))).toMatchObject({
    code: "internal",
    message: `Cannot install "${identifierOf("acme/search")}": its declaration is not stored`,
    hint: expect.stringContaining("Upload"),
  });
  expect(await store.installations.find("t1", "acme/search")).toBeUndefined();
});

test("add() takes any text as a tenant", async () => {
  const { store } = testStore();
  for (const tenant of ["", "not a uuid", "ünïcode", "a\u0000b", "'; DROP TABLE tasks; --"]) {
    await install(store, tenant, "acme/search");
    expect((await store.installations.find(tenant, "acme/search"))?.tenantId).toBe(tenant);
  }
});

test("find() and byId() do not see other tenants' rows", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/search");
  expect(await store.installations.find("t2", "acme/search")).toBeUndefined();
  expect(await store.installations.byId("t2", row.id)).toBeUndefined();
});

test("list() pages newest first, with the total", async () => {
  const { store, pass } = testStore();
  for (const name of ["a", "b"]) await install(store, "t1", `acme/${name}`);
  pass(1);
  // Of the same millisecond: the ids decide.
  for (const name of ["c", "d", "e"]) await install(store, "t1", `acme/${name}`);
  await install(store, "t2", "acme/other");
  const whole = await store.installations.list("t1", { offset: 0, limit: 10 });
  expect(whole.rows.map((row) => row.pluginId)).toEqual(["acme/e", "acme/d", "acme/c", "acme/b", "acme/a"]);
  expect(whole.total).toBe(5);
  const part = await store.installations.list("t1", { offset: 1, limit: 2 });
  expect(part.rows.map((row) => row.pluginId)).toEqual(["acme/d", "acme/c"]);
  expect(part.total).toBe(5);
  expect(await store.installations.list("nobody", { offset: 0, limit: 10 })).toEqual({ rows: [], total: 0 });
});

test("byPluginIds() answers what is installed of these, newest first", async () => {
  const { store } = testStore();
  for (const name of ["a", "b", "c"]) await install(store, "t1", `acme/${name}`);
  const rows = await store.installations.byPluginIds("t1", ["acme/a", "acme/none", "acme/c", "acme/a"]);
  expect(rows.map((row) => row.pluginId)).toEqual(["acme/c", "acme/a"]);
  expect(await store.installations.byPluginIds("t1", [])).toEqual([]);
});

test("switchVersion() replaces version, source and meta and keeps the rest", async () => {
  const { store, pass } = testStore();
  const row = await install(store, "t1", "acme/search", "1.0.0");
  const to = identifierOf("acme/search", "2.0.0");
  await store.declarations.save(upload("acme/search", { identifier: to }));
  const later = pass(5);
  const change = { tenantId: "t1", from: row.identifier, to, source: "marketplace", meta: { a: 1 } };
  const expected = { ...row, identifier: to, source: "marketplace", meta: { a: 1 }, updatedAt: later };
  expect(await store.installations.switchVersion(change)).toEqual({ row: expected, lastOfOld: true });
  expect(await store.installations.byId("t1", row.id)).toEqual(expected);
});

test("switchVersion() tells when another tenant still has the old version", async () => {
  const { store } = testStore();
  const { identifier: from } = await install(store, "t1", "acme/search", "1.0.0");
  await install(store, "t2", "acme/search", "1.0.0");
  const to = identifierOf("acme/search", "2.0.0");
  await store.declarations.save(upload("acme/search", { identifier: to }));
  const change = { from, to, source: "package", meta: {} };
  expect(await store.installations.switchVersion({ ...change, tenantId: "t1" })).toMatchObject({
    lastOfOld: false,
  });
  expect(await store.installations.switchVersion({ ...change, tenantId: "t2" })).toMatchObject({
    lastOfOld: true,
  });
});

test("switchVersion() of a version that the tenant does not have is undefined", async () => {
  const { store } = testStore();
  const { identifier: from } = await install(store, "t1", "acme/search");
  const change = {
    tenantId: "t2",
    from,
    to: identifierOf("acme/search", "2.0.0"),
    source: "package",
    meta: {},
  };
  expect(await store.installations.switchVersion(change)).toBeUndefined();
});

test("switchVersion() refuses a version that is not uploaded, and changes nothing", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/search");
  const to = identifierOf("acme/search", "2.0.0");
  const change = { tenantId: "t1", from: row.identifier, to, source: "package", meta: {} };
  expect(await rejection(store.installations.switchVersion(change))).toHaveProperty(
    "message",
    expect.stringContaining("its declaration is not stored"),
  );
  expect(await store.installations.byId("t1", row.id)).toEqual(row);
});

test("remove() tells whether it was the last of its version", async () => {
  const { store } = testStore();
  const one = await install(store, "t1", "acme/search");
  const two = await install(store, "t2", "acme/search");
  const what = { identifier: one.identifier, pluginId: "acme/search" };
  expect(await store.installations.remove("t1", one.id)).toEqual({ ...what, last: false });
  expect(await store.installations.isInstalled(one.identifier)).toBe(true);
  expect(await store.installations.remove("t2", two.id)).toEqual({ ...what, last: true });
  expect(await store.installations.isInstalled(one.identifier)).toBe(false);
  expect(await store.declarations.get(one.identifier)).toBeDefined();
});

test("remove() of an unknown id, or of another tenant's, is undefined", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/search");
  expect(await store.installations.remove("t2", row.id)).toBeUndefined();
  expect(await store.installations.remove("t1", "no id at all")).toBeUndefined();
  expect(await store.installations.find("t1", "acme/search")).toEqual(row);
});

test("identifiers() of a runtime type come most lately used first, each once, the unused last", async () => {
  const { store, now, pass } = testStore();
  for (const name of ["a", "b", "c"]) await install(store, "t1", `acme/${name}`);
  await install(store, "t2", "acme/a");
  await store.declarations.save(upload("acme/remote"));
  await store.installations.add(installation("t1", "acme/remote", { runtimeType: "remote" }));
  await store.declarations.save(upload("acme/uploaded"));
  const early = now();
  await store.installations.touch([identifierOf("acme/b"), identifierOf("acme/c")], early);
  const late = pass(10);
  await store.installations.touch([identifierOf("acme/c"), identifierOf("acme/none")], late);
  expect(await store.installations.identifiers("local")).toEqual([
    { identifier: identifierOf("acme/c"), lastUsedAt: late },
    { identifier: identifierOf("acme/b"), lastUsedAt: early },
    { identifier: identifierOf("acme/a"), lastUsedAt: null },
  ]);
  expect(await store.installations.identifiers("remote")).toEqual([
    { identifier: identifierOf("acme/remote"), lastUsedAt: null },
  ]);
  expect(await store.installations.identifiers("serverless")).toEqual([]);
});

test("touch() never goes back in time, and an upgraded version inherits it", async () => {
  const { store, now, pass } = testStore();
  const { identifier: from } = await install(store, "t1", "acme/search", "1.0.0");
  const early = now();
  const late = pass(10);
  await store.installations.touch([from], late);
  await store.installations.touch([from], early);
  expect(await store.installations.identifiers("local")).toEqual([{ identifier: from, lastUsedAt: late }]);
  const to = identifierOf("acme/search", "2.0.0");
  await store.declarations.save(upload("acme/search", { identifier: to }));
  await store.installations.switchVersion({ tenantId: "t1", from, to, source: "package", meta: {} });
  expect(await store.installations.identifiers("local")).toEqual([{ identifier: to, lastUsedAt: late }]);
});

test("switchRuntime() moves one tenant's installation, with its reason, and knows who is left behind", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/search");
  await install(store, "t2", "acme/search");
  const { identifier } = row;
  const change = {
    tenantId: "t1",
    identifier,
    runtimeType: "serverless",
    runtimeReason: "asked for",
  } as const;
  expect(await store.installations.switchRuntime(change)).toMatchObject({
    id: row.id,
    runtimeType: "serverless",
    runtimeReason: "asked for",
  });
  expect((await store.installations.find("t2", "acme/search"))?.runtimeType).toBe("local");
  const where = async (type: "local" | "serverless") => store.installations.isInstalled(identifier, type);
  expect([await where("local"), await where("serverless")]).toEqual([true, true]);
  await store.installations.switchRuntime({ ...change, tenantId: "t2" });
  expect([await where("local"), await where("serverless")]).toEqual([false, true]);
  expect(await store.installations.switchRuntime({ ...change, tenantId: "t3" })).toBeUndefined();
});

test("switchRuntime() moves what lies behind a debugging connection, and leaves the connection", async () => {
  const { store } = testStore();
  const { identifier } = await install(store, "t1", "acme/search");
  const debugged = identifierOf("acme/search", "9.9.9");
  await store.declarations.save(upload("acme/search", { identifier: debugged }));
  await store.installations.shadow({ tenantId: "t1", pluginId: "acme/search", identifier: debugged });
  const change = {
    tenantId: "t1",
    identifier,
    runtimeType: "serverless",
    runtimeReason: "asked for",
  } as const;
  expect((await store.installations.switchRuntime(change))?.runtimeType).toBe("serverless");
  expect((await store.installations.find("t1", "acme/search"))?.runtimeType).toBe("remote");
  expect(await store.installations.isInstalled(identifier, "serverless")).toBe(true);
  await store.installations.unshadow("t1", "acme/search");
  expect(await store.installations.find("t1", "acme/search")).toMatchObject({
    identifier,
    runtimeType: "serverless",
    runtimeReason: "asked for",
  });
});
