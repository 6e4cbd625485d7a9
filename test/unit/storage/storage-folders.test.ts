import { expect, test } from "bun:test";
import { storageFolders } from "../../../src/blob/storage-folders.ts";

const prefixes = { package: "plugin_packages", asset: "assets", value: "persistence" };

test("storageFolders() answers the folder of each kind", () => {
  expect(storageFolders({ root: "/data", prefixes })).toEqual({
    package: "/data/plugin_packages",
    asset: "/data/assets",
    value: "/data/persistence",
  });
  expect(storageFolders({ root: "/data", prefixes: { asset: "assets", value: "assets-too" } })).toEqual({
    asset: "/data/assets",
    value: "/data/assets-too",
  });
});

test("storageFolders() refuses values among packages, which would be collected as packages nobody uses", () => {
  for (const value of ["plugin_packages", "plugin_packages/values"])
    expect(() => storageFolders({ root: "/data", prefixes: { ...prefixes, value } })).toThrow(
      expect.objectContaining({ code: "startup", message: expect.stringContaining("Cannot store packages") }),
    );
});

test("storageFolders() refuses what leads out of the root", () => {
  for (const value of ["..", "../up", "/abs", "", "a//b", ".hidden"])
    expect(() => storageFolders({ root: "/data", prefixes: { ...prefixes, value } })).toThrow(
      expect.objectContaining({ code: "startup" }),
    );
});
