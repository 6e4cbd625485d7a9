import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { directPath, encodedPath, scopePath } from "../../../src/blob/value-paths.ts";

const scope = { tenantId: "11111111-2222-4333-8444-555555555555", pluginId: "acme/notes" };

test("scopePath() is the reference's for tenants and plugins as they are", () => {
  expect(scopePath(scope)).toBe("11111111-2222-4333-8444-555555555555/acme/notes");
});

test.each([
  { tenantId: "..", pluginId: "acme/notes" },
  { tenantId: "a/b", pluginId: "acme/notes" },
  { tenantId: "", pluginId: "acme/notes" },
  { tenantId: ".plugd-staged", pluginId: "acme/notes" },
  { tenantId: "UPPER", pluginId: "acme/notes" },
  { tenantId: "t".repeat(300), pluginId: "acme/notes" },
  { tenantId: "t1", pluginId: "notes" },
  { tenantId: "t1", pluginId: "../notes" },
  { tenantId: "t1", pluginId: "a/b/c" },
])("scopePath() of $tenantId and $pluginId stays below the folder and meets no other", (odd) => {
  const path = scopePath(odd);
  expect(path.split("/").every((name) => /^[a-z0-9_-]+$|^\.(tenant|plugin)-[0-9a-f]{64}$/.test(name))).toBe(
    true,
  );
  expect(path).not.toBe(scopePath(scope));
});

test("directPath() is the key, except where that name is ours or none at all", () => {
  expect(directPath({ ...scope, key: "a/b" })).toBe("a/b");
  for (const key of [".", ".plugd-keys/61.value", ".PLUGD-KEYS", "a\0b"])
    expect(directPath({ ...scope, key })).toBeUndefined();
});

test("encodedPath() has short names, can be read back, and is never the folder of another", () => {
  const key = fc.string({ unit: "binary", minLength: 1, maxLength: 256 });
  fc.assert(
    fc.property(key, key, (one, other) => {
      const path = encodedPath({ ...scope, key: one });
      const names = path.split("/");
      expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(134);
      const hex = names
        .slice(1)
        .join("")
        .replace(/\.value$/, "");
      expect(Buffer.from(hex, "hex").toString()).toBe(one.toWellFormed());
      if (one.toWellFormed() !== other.toWellFormed())
        expect(`${encodedPath({ ...scope, key: other })}/`.startsWith(`${path}/`)).toBe(false);
    }),
  );
});
