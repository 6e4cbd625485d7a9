import { describe, expect, test } from "bun:test";
import { cacheInstallations } from "../../../src/store/cached-installations.ts";
import type { InstallationRow, InstallationStore } from "../../../src/store/store.ts";

const row: InstallationRow = {
  id: "i",
  tenantId: "t",
  pluginId: "a/b",
  identifier: "a/b:1.0.0@x",
  runtimeType: "local",
  runtimeReason: "",
  source: "package",
  meta: {},
  endpointsSetups: 0,
  endpointsActive: 0,
  createdAt: new Date(0),
  updatedAt: new Date(0),
};

function setUp() {
  let reads = 0;
  const unused = () => Promise.reject(new Error("not asked for"));
  const inner: InstallationStore = {
    async find() {
      reads++;
      return row;
    },
    add: async () => ({ row, created: true }),
    switchVersion: async () => undefined,
    switchRuntime: async () => undefined,
    remove: async () => undefined,
    shadow: async () => row,
    unshadow: async () => undefined,
    unshadowAll: async () => 1,
    installed: unused,
    byId: unused,
    list: unused,
    byPluginIds: unused,
    isInstalled: unused,
    runtimeTypeOf: unused,
    identifiers: unused,
    touch: unused,
  };
  return { store: cacheInstallations(inner), reads: () => reads };
}

describe("cacheInstallations()", () => {
  test("reads a row once", async () => {
    const { store, reads } = setUp();
    expect(await store.find("t", "a/b")).toBe(row);
    expect(await store.find("t", "a/b")).toBe(row);
    expect(reads()).toBe(1);
  });

  test("reads again after every kind of change", async () => {
    const { store, reads } = setUp();
    const changes = [
      () => store.add(row),
      () => store.switchVersion({ tenantId: "t", from: "x", to: "y", source: "package", meta: {} }),
      () => store.remove("t", "i"),
      () => store.shadow(row),
      () => store.unshadow("t", "a/b"),
      () => store.unshadowAll(),
    ];
    for (const change of changes) {
      await store.find("t", "a/b");
      const before = reads();
      await change();
      await store.find("t", "a/b");
      expect(reads()).toBe(before + 1);
    }
  });

  test("keeps tenants and plugins apart", async () => {
    const { store, reads } = setUp();
    await store.find("t", "a/b");
    await store.find("t2", "a/b");
    await store.find("t", "a/c");
    expect(reads()).toBe(3);
  });

  test("never remembers that nothing was found", async () => {
    let reads = 0;
    const { store } = setUp();
    const empty = cacheInstallations({
      ...store,
      async find() {
        reads++;
        return undefined;
      },
    });
    expect(await empty.find("t", "a/b")).toBeUndefined();
    await empty.find("t", "a/b");
    expect(reads).toBe(2);
  });
});
