import { expect, test } from "bun:test";
import { changePermissions } from "../../../src/service/author/change-permissions.ts";
import { editManifest } from "../../../src/service/author/manifest-edit.ts";
import { permissionsOf, togglePermission } from "../../../src/service/author/plugin-permissions.ts";
import { TINY } from "../../support/pack.ts";

const edit = (text: string) => editManifest(new TextEncoder().encode(text));

const COMMENTED = `# my plugin
version: 1.10.0 # keep this
type: plugin
author: 0x10
name: yes
label:
  en_US: "quoted"
mine: [1_000, on]
resource:
  memory: 1_048_576
  permission:
    app:
      enabled: true # ask Ann before you change it
plugins:
  tools:
    - 'a.yaml'
meta: {version: 0.0.1, runner: {language: python, version: '3.12'}}
created_at: 2024-07-12T08:03:44Z
`;

test("editManifest() leaves what is not changed as it was written", () => {
  const manifest = edit(COMMENTED);
  manifest.set(["plugins", "endpoints"], ["group/yes.yaml"]);
  const wanted = COMMENTED.replace(
    "    - 'a.yaml'\n",
    "    - 'a.yaml'\n  endpoints:\n    - group/yes.yaml\n",
  );
  // The library writes spaces inside of the braces of a flow mapping.
  const flow = (text: string) =>
    text.replaceAll("{ ", "{").replaceAll(" }", "}").replaceAll("[ ", "[").replaceAll(" ]", "]");
  expect(flow(manifest.text())).toBe(flow(wanted));
});

test("editManifest() adds what is missing above, also where there is a key with nothing behind it", () => {
  for (const start of ["resource:\n  permission:\n", "resource: ~\n", "name: x\n"]) {
    const manifest = edit(start);
    manifest.set(["resource", "permission", "storage"], { enabled: true, size: 2048 });
    expect(edit(manifest.text()).decoded.resource.permission?.storage).toEqual({ enabled: true, size: 2048 });
  }
});

test("editManifest() refuses to write below a value that is no mapping", () => {
  expect(() => edit("resource: {permission: {}}\nplugins: &p {tools: []}\nx: *p\n")).not.toThrow();
  const manifest = edit("base: &r {memory: 1}\nresource: *r\n");
  expect(() => manifest.set(["resource", "permission"], {})).toThrow('"resource" is written in a way');
});

test("changePermissions() changes only what is different", () => {
  const manifest = edit(COMMENTED);
  const before = permissionsOf(manifest.decoded.resource.permission);
  changePermissions(manifest, togglePermission(before, "llm"));
  expect(manifest.text()).toContain("enabled: true # ask Ann before you change it");
  const after = permissionsOf(edit(manifest.text()).decoded.resource.permission);
  expect([...after.allowed].sort()).toEqual(["app", "llm", "model"]);
});

test("changePermissions() takes a permission away by switching it off", () => {
  const manifest = edit(COMMENTED);
  changePermissions(manifest, { allowed: new Set(), storageBytes: 1024 });
  expect(manifest.decoded.resource.permission?.app).toEqual({ enabled: true });
  expect(edit(manifest.text()).decoded.resource.permission).toEqual({ app: { enabled: false } });
});

test("changePermissions() adds to a manifest without permissions", () => {
  const manifest = edit(TINY["manifest.yaml"] ?? "");
  changePermissions(manifest, { allowed: new Set(["tool"]), storageBytes: 1024 });
  expect(edit(manifest.text()).decoded.resource).toMatchObject({
    memory: 1,
    permission: { tool: { enabled: true } },
  });
});
