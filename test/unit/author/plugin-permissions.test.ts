import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  declaredPermission,
  PERMISSIONS,
  type PermissionName,
  permissionsOf,
  togglePermission,
} from "../../../src/service/author/plugin-permissions.ts";

const NONE = { allowed: new Set<PermissionName>(), storageBytes: 4096 };

test("togglePermission() brings the switch of models with a kind of them, and takes the kinds with it", () => {
  const llm = togglePermission(NONE, "llm");
  expect([...llm.allowed]).toEqual(["llm", "model"]);
  expect([...togglePermission(togglePermission(llm, "tts"), "model").allowed]).toEqual([]);
  expect([...togglePermission(llm, "llm").allowed]).toEqual(["model"]);
});

test("declaredPermission() and permissionsOf() are each other's reverse for whatever can be toggled", () => {
  const names = fc.constantFrom(...PERMISSIONS.map(({ name }) => name));
  fc.assert(
    fc.property(fc.array(names), (toggled) => {
      const permissions = toggled.reduce(togglePermission, NONE);
      const read = permissionsOf(declaredPermission(permissions));
      expect([...read.allowed].sort()).toEqual([...permissions.allowed].sort());
      if (read.allowed.has("storage")) expect(read.storageBytes).toBe(4096);
    }),
  );
});

test("permissionsOf() ignores a kind of model without the switch, and gives storage a size", () => {
  const read = permissionsOf({ model: { enabled: false, llm: true }, storage: { enabled: true, size: 0 } });
  expect([...read.allowed]).toEqual(["storage"]);
  expect(read.storageBytes).toBe(1_048_576);
});
