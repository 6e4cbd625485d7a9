import { expect, test } from "bun:test";
import { declarationOf, identifierOf, install, item, testStore, upload } from "./test-store.ts";

const DAY = 86_400_000;

test("save() keeps everything, keys that nobody knows too", async () => {
  const { store, now } = testStore();
  const row = upload("acme/search", {
    category: "model",
    verification: { authorized_category: "partner" },
    declaration: declarationOf("search", { unknown: { nested: [1.5, "ü", null] } }),
    assetIds: ["2.svg", "1.svg"],
  });
  await store.declarations.save(row);
  expect(await store.declarations.get(row.identifier)).toEqual({
    ...row,
    assetIds: ["1.svg", "2.svg"],
    createdAt: now(),
  });
});

test("get() of what was never saved is undefined", async () => {
  const { store } = testStore();
  expect(await store.declarations.get(identifierOf("acme/none"))).toBeUndefined();
});

test("save() leaves an existing declaration and its references as they are", async () => {
  const { store } = testStore();
  const row = upload("acme/search", { assetIds: ["1.svg"] });
  await store.declarations.save(row);
  await store.declarations.save({ ...row, declaration: declarationOf("other"), assetIds: ["2.svg"] });
  const stored = await store.declarations.get(row.identifier);
  expect(stored?.declaration).toEqual(row.declaration);
  expect(stored?.assetIds).toEqual(["1.svg"]);
});

test("save() takes an asset that two icons share once", async () => {
  const { store } = testStore();
  const row = upload("acme/search", { assetIds: ["1.svg", "1.svg"] });
  await store.declarations.save(row);
  expect((await store.declarations.get(row.identifier))?.assetIds).toEqual(["1.svg"]);
});

test("unreferenced() names uploads that were never installed once they are old enough", async () => {
  const { store, now, pass } = testStore();
  await store.declarations.save(upload("acme/old"));
  pass(DAY);
  await store.declarations.save(upload("acme/new"));
  await install(store, "t1", "acme/installed");
  pass(1);
  expect(await store.declarations.unreferenced(new Date(now().getTime() - 2))).toEqual([
    identifierOf("acme/old"),
  ]);
});

test("unreferenced() counts from the end of the last installation, not from the upload", async () => {
  const { store, now, pass } = testStore();
  const identifier = identifierOf("acme/search");
  const one = await install(store, "t1", "acme/search");
  const two = await install(store, "t2", "acme/search");
  pass(30 * DAY);
  await store.installations.remove("t1", one.id);
  pass(DAY);
  const end = now();
  await store.installations.remove("t2", two.id);
  pass(DAY);
  expect(await store.declarations.unreferenced(end)).toEqual([]);
  expect(await store.declarations.unreferenced(now())).toEqual([identifier]);
});

test("unreferenced() counts from an upgrade for the version that was left", async () => {
  const { store, now, pass } = testStore();
  await install(store, "t1", "acme/search", "1.0.0");
  const to = identifierOf("acme/search", "2.0.0");
  await store.declarations.save(upload("acme/search", { identifier: to }));
  pass(30 * DAY);
  const from = identifierOf("acme/search", "1.0.0");
  await store.installations.switchVersion({ tenantId: "t1", from, to, source: "package", meta: {} });
  expect(await store.declarations.unreferenced(now())).toEqual([]);
  pass(1);
  expect(await store.declarations.unreferenced(now())).toEqual([from]);
});

test("unreferenced() counts anew from another upload of the same", async () => {
  const { store, now, pass } = testStore();
  await store.declarations.save(upload("acme/search"));
  pass(DAY);
  await store.declarations.save(upload("acme/search"));
  expect(await store.declarations.unreferenced(now())).toEqual([]);
});

test("unreferenced() and removeIfUnreferenced() spare what a task is about to install", async () => {
  const { store, now, pass } = testStore();
  const identifier = identifierOf("acme/search");
  await store.declarations.save(upload("acme/search"));
  const task = await store.tasks.create({ tenantId: "t1", items: [item("acme/search"), item("acme/other")] });
  // The other item's failure has failed the whole task; the job of this one still runs.
  await store.tasks.updateItem(task, identifierOf("acme/other"), { status: "failed" });
  pass(DAY);
  expect(await store.declarations.unreferenced(now())).toEqual([]);
  expect(await store.declarations.removeIfUnreferenced(identifier)).toBeUndefined();
  await store.tasks.updateItem(task, identifier, { status: "failed" });
  expect(await store.declarations.unreferenced(now())).toEqual([identifier]);
  expect(await store.declarations.removeIfUnreferenced(identifier)).toEqual([]);
});

test("removeIfUnreferenced() keeps what any tenant has installed", async () => {
  const { store } = testStore();
  const row = await install(store, "t1", "acme/search");
  expect(await store.declarations.removeIfUnreferenced(row.identifier)).toBeUndefined();
  expect(await store.declarations.get(row.identifier)).toBeDefined();
});

test("removeIfUnreferenced() answers only assets that nothing else refers to", async () => {
  const { store } = testStore();
  await store.declarations.save(upload("acme/a", { assetIds: ["own.svg", "shared.svg"] }));
  await store.declarations.save(upload("acme/b", { assetIds: ["shared.svg"] }));
  expect(await store.declarations.removeIfUnreferenced(identifierOf("acme/a"))).toEqual(["own.svg"]);
  expect(await store.declarations.get(identifierOf("acme/a"))).toBeUndefined();
  expect(await store.declarations.removeIfUnreferenced(identifierOf("acme/b"))).toEqual(["shared.svg"]);
});

test("removeIfUnreferenced() of what is not there answers no assets", async () => {
  const { store } = testStore();
  expect(await store.declarations.removeIfUnreferenced(identifierOf("acme/none"))).toEqual([]);
});

test("orphans() names packages and assets that no declaration refers to", async () => {
  const { store } = testStore();
  await store.declarations.save(upload("acme/a", { assetIds: ["1.svg"] }));
  const lost = identifierOf("acme/lost");
  expect(await store.declarations.orphans("package", [identifierOf("acme/a"), lost])).toEqual([lost]);
  expect(await store.declarations.orphans("asset", ["1.svg", 'o"dd.svg'])).toEqual(['o"dd.svg']);
  expect(await store.declarations.orphans("asset", [])).toEqual([]);
});
