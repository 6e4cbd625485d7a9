import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Store } from "../../../src/store/store.ts";
import { identifierOf, installation, testStore, upload } from "./test-store.ts";

const tenant = fc.constantFrom("t1", "t2", "t3");
const plugin = fc.constantFrom("acme/a", "acme/b");
const version = fc.constantFrom("1.0.0", "2.0.0");

/** What should be: per tenant and plugin id at most one version. */
type Model = Map<string, { readonly id: string; readonly identifier: string }>;
type Command = fc.AsyncCommand<Model, Store>;

const keyOf = (tenantId: string, pluginId: string) => `${tenantId} ${pluginId}`;
const has = (model: Model, identifier: string) =>
  [...model.values()].some((entry) => entry.identifier === identifier);

function add(tenantId: string, pluginId: string, versionOf: string): Command {
  return {
    check: () => true,
    async run(model, store) {
      const identifier = identifierOf(pluginId, versionOf);
      const there = model.get(keyOf(tenantId, pluginId));
      const { row, created } = await store.installations.add(
        installation(tenantId, pluginId, { identifier }),
      );
      expect(created).toBe(there === undefined);
      if (there) expect(row).toMatchObject(there);
      else model.set(keyOf(tenantId, pluginId), { id: row.id, identifier });
    },
    toString: () => `add(${tenantId}, ${pluginId}, ${versionOf})`,
  };
}

function switchVersion(tenantId: string, pluginId: string, fromVersion: string, toVersion: string): Command {
  return {
    check: () => true,
    async run(model, store) {
      const from = identifierOf(pluginId, fromVersion);
      const to = identifierOf(pluginId, toVersion);
      const there = model.get(keyOf(tenantId, pluginId));
      const change = { tenantId, from, to, source: "package", meta: {} };
      const switched = await store.installations.switchVersion(change);
      if (there?.identifier !== from) return expect(switched).toBeUndefined();
      model.set(keyOf(tenantId, pluginId), { id: there.id, identifier: to });
      expect(switched?.row).toMatchObject({ id: there.id, identifier: to });
      expect(switched?.lastOfOld).toBe(!has(model, from));
    },
    toString: () => `switchVersion(${tenantId}, ${pluginId}, ${fromVersion} to ${toVersion})`,
  };
}

function remove(tenantId: string, pluginId: string): Command {
  return {
    check: () => true,
    async run(model, store) {
      const there = model.get(keyOf(tenantId, pluginId));
      const removed = await store.installations.remove(tenantId, there?.id ?? "none");
      model.delete(keyOf(tenantId, pluginId));
      expect(removed).toEqual(
        there && { identifier: there.identifier, pluginId, last: !has(model, there.identifier) },
      );
    },
    toString: () => `remove(${tenantId}, ${pluginId})`,
  };
}

function collect(pluginId: string, versionOf: string): Command {
  return {
    check: () => true,
    async run(model, store) {
      const identifier = identifierOf(pluginId, versionOf);
      const assets = await store.declarations.removeIfUnreferenced(identifier);
      expect(assets === undefined).toBe(has(model, identifier));
      await store.declarations.save(upload(pluginId, { identifier }));
    },
    toString: () => `collect(${pluginId}, ${versionOf})`,
  };
}

test("installations are one per tenant and plugin id, and `last` is exact, whatever happens in what order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands(
        [
          fc.tuple(tenant, plugin, version).map((args) => add(...args)),
          fc.tuple(tenant, plugin, version, version).map((args) => switchVersion(...args)),
          fc.tuple(tenant, plugin).map((args) => remove(...args)),
          fc.tuple(plugin, version).map((args) => collect(...args)),
        ],
        { maxCommands: 40 },
      ),
      async (commands) => {
        const { store } = testStore();
        for (const pluginId of ["acme/a", "acme/b"])
          for (const versionOf of ["1.0.0", "2.0.0"])
            await store.declarations.save(
              upload(pluginId, { identifier: identifierOf(pluginId, versionOf) }),
            );
        const model: Model = new Map();
        await fc.asyncModelRun(() => ({ model, real: store }), commands);
        const all = await Promise.all(
          ["t1", "t2", "t3"].map((tenantId) => store.installations.list(tenantId, { offset: 0, limit: 100 })),
        );
        const rows = all.flatMap(({ rows }) => rows);
        expect(rows.map((row) => `${row.tenantId} ${row.pluginId} ${row.identifier}`).sort()).toEqual(
          [...model].map(([key, entry]) => `${key} ${entry.identifier}`).sort(),
        );
        await store.close();
      },
    ),
    { numRuns: 100 },
  );
});
