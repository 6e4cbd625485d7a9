import { expect, test } from "bun:test";
import { openBundle } from "../../../../src/package/bundle/open-bundle.ts";
import {
  bundleManifestText,
  GITHUB_LINE,
  MARKETPLACE_LINE,
  packBundle,
  packageLine,
} from "../../../support/bundle.ts";
import { packZip, tinyPackage } from "../../../support/pack.ts";
import { rejection } from "../../../support/rejection.ts";

const refusal = async (bytes: Uint8Array) => {
  const error = await rejection(openBundle(bytes));
  expect(error).toMatchObject({ name: "DaemonError", code: "bad_request" });
  return error instanceof Error ? error.message : "";
};

test("openBundle() gives manifest, dependencies in their order, and assets", async () => {
  const bundle = await openBundle(
    packBundle({
      dependencies: [GITHUB_LINE, packageLine("inner"), MARKETPLACE_LINE],
      assets: { inner: "bytes" },
    }),
  );
  expect(bundle.manifest).toMatchObject({
    name: "box",
    labels: { en_US: "Box" },
    version: "0.0.1",
    tags: ["agent"],
  });
  expect(bundle.manifest.dependencies).toEqual([
    { kind: "github", pattern: "gold/repo:1.0.0/a.difypkg" },
    { kind: "package", path: "inner" },
    { kind: "marketplace", pattern: "gold/market:^0.0.1" },
  ]);
  expect(Buffer.from((await bundle.asset("inner")?.read()) ?? "").toString()).toBe("bytes");
  expect(bundle.asset("../manifest.yaml")).toBeUndefined();
});

test("openBundle() is as lenient as uploads: only types count", async () => {
  const { manifest } = await openBundle(
    packBundle({ manifest: "version: 1.10\ndependencies:\n  - {type: svn, value: 5}\n  -\n" }),
  );
  expect(manifest).toMatchObject({
    name: "",
    version: "1.10",
    type: "",
    dependencies: [{ kind: "unknown", type: "svn" }],
  });
});

test("openBundle() takes the first of entries with one name", async () => {
  const bytes = packZip([
    { name: "_assets/a", data: "first" },
    { name: "_assets/./a", data: "second" },
    { name: "manifest.yaml", data: bundleManifestText([]) },
    { name: "manifest.yaml", data: "broken: [" },
  ]);
  const bundle = await openBundle(bytes);
  expect(bundle.entries.map(({ path }) => path)).toEqual(["_assets/a", "manifest.yaml"]);
  expect(Buffer.from((await bundle.asset("a")?.read()) ?? "").toString()).toBe("first");
});

test("openBundle() refuses a plugin package by its name", async () => {
  expect(await refusal(tinyPackage())).toBe(
    'Cannot read the bundle: this is a plugin package, "a/n", and no bundle',
  );
  expect(
    await refusal(packBundle({ manifest: "name: n\nauthor: a\nplugins: {tools: [a.yaml]}\n" })),
  ).toContain("this is a plugin package");
});

test("openBundle() refuses what is no bundle", async () => {
  expect(await refusal(Buffer.from("text"))).toBe("difybndl: not a valid difybndl file");
  expect(await refusal(packBundle({ manifest: null }))).toBe("open manifest.yaml: file does not exist");
  expect(await refusal(packBundle({ others: { "../evil": "x" } }))).toBe("open ../evil: invalid argument");
  expect(await refusal(packBundle({ manifest: "name: [" }))).toMatch(/^yaml: line \d/);
  expect(await refusal(packBundle({ manifest: "name: a\nname: b\n" }))).toContain(
    'mapping key "name" already defined at line 1',
  );
  expect(await refusal(packBundle({ manifest: "dependencies: {}\n" }))).toContain(
    "cannot unmarshal !!map into []Dependency",
  );
  expect(
    await refusal(packBundle({ manifest: "dependencies: [{type: github, value: {repo_pattern: []}}]\n" })),
  ).toContain("cannot unmarshal !!seq into string");
});

test("openBundle() refuses a bomb in place of a manifest without inflating it", async () => {
  const bomb = packZip([{ name: "manifest.yaml", data: Buffer.alloc(20_000_000), crc: 1 }]);
  expect(await refusal(bomb)).toBe(
    "Cannot read the bundle: manifest.yaml has 20000000 bytes, more than 524288",
  );
});
