import { describe, expect, test } from "bun:test";
import { identifierOf, install, installation, testStore, upload } from "./test-store.ts";

const PLUGIN = "acme/search";
const DEBUGGED = identifierOf(PLUGIN, "9.0.0");
const place = { tenantId: "t1", pluginId: PLUGIN, identifier: DEBUGGED };

async function setUp() {
  const made = testStore();
  await made.store.declarations.save(upload(PLUGIN));
  await made.store.declarations.save(upload(PLUGIN, { identifier: DEBUGGED }));
  return { ...made, installations: made.store.installations };
}

describe("shadow()", () => {
  test("makes a row of its own where nothing is installed, which unshadow() removes", async () => {
    const { installations } = await setUp();
    expect(await installations.shadow(place)).toMatchObject({
      identifier: DEBUGGED,
      runtimeType: "remote",
      source: "remote",
      meta: {},
    });
    expect(await installations.installed("t1", PLUGIN)).toBeUndefined();
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toBeUndefined();
    expect(await installations.isInstalled(DEBUGGED)).toBe(false);
  });

  test("keeps the id of what is installed, and unshadow() gives all of it back", async () => {
    const { installations, store } = await setUp();
    const before = await install(store, "t1", PLUGIN, "1.0.0");
    const shadowing = await installations.shadow(place);
    expect(shadowing).toMatchObject({ id: before.id, identifier: DEBUGGED, runtimeType: "remote" });
    expect(await installations.find("t1", PLUGIN)).toEqual(shadowing);
    expect(await installations.installed("t1", PLUGIN)).toMatchObject({
      id: before.id,
      identifier: before.identifier,
      runtimeType: "local",
      source: before.source,
      meta: before.meta,
    });
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toMatchObject({
      ...before,
      updatedAt: expect.any(Date),
    });
  });

  test("what is installed behind it counts as installed, and is not collected", async () => {
    const { installations, store, pass } = await setUp();
    const before = await install(store, "t1", PLUGIN, "1.0.0");
    await installations.shadow(place);
    expect(await installations.isInstalled(before.identifier)).toBe(true);
    expect(await installations.runtimeTypeOf(before.identifier)).toBe("local");
    expect(await installations.runtimeTypeOf(DEBUGGED)).toBe("remote");
    expect(await store.declarations.unreferenced(pass(1000))).toEqual([]);
    expect(await store.declarations.removeIfUnreferenced(before.identifier)).toBeUndefined();
  });

  test("a changed version takes the place of the one before, whose declaration is free", async () => {
    const { installations, store, pass } = await setUp();
    const before = await install(store, "t1", PLUGIN, "1.0.0");
    const changed = identifierOf(PLUGIN, "9.0.1");
    await store.declarations.save(upload(PLUGIN, { identifier: changed }));
    await installations.shadow(place);
    await installations.shadow({ ...place, identifier: changed });
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ id: before.id, identifier: changed });
    expect(await store.declarations.unreferenced(pass(1000))).toEqual([DEBUGGED]);
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: before.identifier });
  });

  test("leaves the other tenants alone", async () => {
    const { installations, store } = await setUp();
    const other = await install(store, "t2", PLUGIN, "1.0.0");
    await installations.shadow(place);
    expect(await installations.find("t2", PLUGIN)).toEqual(other);
  });
});

describe("behind a debugging connection", () => {
  test("remove() takes what is installed and leaves the connection", async () => {
    const { installations, store } = await setUp();
    const before = await install(store, "t1", PLUGIN, "1.0.0");
    await installations.shadow(place);
    expect(await installations.remove("t1", before.id)).toEqual({
      identifier: before.identifier,
      pluginId: PLUGIN,
      last: true,
    });
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: DEBUGGED });
    expect(await installations.remove("t1", before.id)).toBeUndefined();
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: DEBUGGED });
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toBeUndefined();
  });

  test("add() installs what is there when the connection is gone", async () => {
    const { installations } = await setUp();
    const { id } = await installations.shadow(place);
    const added = await installations.add(installation("t1", PLUGIN));
    expect(added).toMatchObject({ created: true, row: { id, identifier: identifierOf(PLUGIN) } });
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: DEBUGGED });
    expect((await installations.add(installation("t1", PLUGIN))).created).toBe(false);
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ id, identifier: identifierOf(PLUGIN) });
  });

  test("switchVersion() upgrades what is installed", async () => {
    const { installations, store } = await setUp();
    const before = await install(store, "t1", PLUGIN, "1.0.0");
    const to = identifierOf(PLUGIN, "2.0.0");
    await store.declarations.save(upload(PLUGIN, { identifier: to }));
    await installations.shadow(place);
    const change = { tenantId: "t1", from: before.identifier, to, source: "github", meta: { a: 1 } };
    expect(await installations.switchVersion(change)).toMatchObject({
      row: { id: before.id, identifier: to, source: "github" },
      lastOfOld: true,
    });
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: DEBUGGED });
    await installations.unshadow("t1", PLUGIN);
    expect(await installations.find("t1", PLUGIN)).toMatchObject({ identifier: to, meta: { a: 1 } });
  });
});

test("unshadowAll() gives everything back and answers how much that was", async () => {
  const { installations, store } = await setUp();
  const before = await install(store, "t1", PLUGIN, "1.0.0");
  await installations.shadow(place);
  await installations.shadow({ ...place, tenantId: "t2" });
  expect(await installations.unshadowAll()).toBe(2);
  expect(await installations.find("t1", PLUGIN)).toMatchObject({ id: before.id, runtimeType: "local" });
  expect(await installations.find("t2", PLUGIN)).toBeUndefined();
  expect(await installations.unshadowAll()).toBe(0);
});
