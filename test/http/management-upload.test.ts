import { expect, test } from "bun:test";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { createPackageGuard } from "../../src/service/package-guard.ts";
import { createStorePackages } from "../../src/service/store-packages.ts";
import { createUploadPackage } from "../../src/service/upload-package.ts";
import { fakePluginFiles } from "../support/fake-plugin-package.ts";
import { rejection } from "../support/rejection.ts";
import { createMemoryBlobs, createServices } from "../unit/service-install/support.ts";
import {
  MAX_PACKAGE_BYTES,
  type Management,
  packageOf,
  textFile,
  withManagement,
  zip,
} from "./management-support.ts";

const UPLOAD = "/management/install/upload/package";
const BAD_SIGNATURE =
  "plugin verification has been enabled, and the plugin you want to install has a bad signature";

async function keysOf({ blobs }: Pick<Management, "blobs">): Promise<number> {
  let count = 0;
  for (const kind of ["package", "asset"] as const) for await (const _ of blobs.list(kind)) count++;
  return count;
}

test("upload answers identifier, manifest with stored icons, and verification", () =>
  withManagement(async (management) => {
    const answer = await management.uploadForm(await packageOf(), { verify_signature: "false" });
    expect(answer).toMatchObject({
      status: 200,
      code: 0,
      data: {
        unique_identifier: expect.stringMatching(/^tests\/fake:0\.0\.1@[0-9a-f]{64}$/),
        manifest: {
          name: "fake",
          icon: expect.stringMatching(/^[0-9a-f]{64}\.svg$/),
          tool: { identity: { icon: expect.stringMatching(/^[0-9a-f]{64}\.svg$/) } },
          verified: false,
        },
        verification: null,
      },
    });
    expect(await keysOf(management)).toBe(2);
  }));

test("upload twice, also at once, gives the same answer and is stored once", () =>
  withManagement(async (management) => {
    const bytes = await packageOf();
    const answers = await Promise.all([1, 2, 3].map(() => management.uploadForm(bytes)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.data))).size).toBe(1);
    expect(await keysOf(management)).toBe(2);
  }));

test("upload refuses an unsigned package when the form asks for a signature by the very word true", () =>
  withManagement(async (management) => {
    const bytes = await packageOf();
    for (const word of ["1", "True", "false", ""])
      expect((await management.uploadForm(bytes, { verify_signature: word })).code).toBe(0);
    const answer = await management.uploadForm(await packageOf({ name: "other" }), {
      verify_signature: "true",
    });
    expect(answer).toMatchObject({
      status: 200,
      code: -400,
      error: { message: BAD_SIGNATURE, error_type: "PluginDaemonBadRequestError", args: null },
    });
    expect(await keysOf(management)).toBe(2);
  }));

test("upload refuses an unsigned package where signatures are forced", () =>
  withManagement(
    async (management) => {
      expect((await management.uploadForm(await packageOf())).error?.message).toBe(BAD_SIGNATURE);
    },
    { forceSignature: true },
  ));

test("upload answers 200 with -400 for every bad form and package, and stores nothing", () =>
  withManagement(async (management) => {
    const files = await fakePluginFiles();
    const manifest = files.find(({ path }) => path === "manifest.yaml");
    const without = (path: string) => files.filter((file) => file.path !== path);
    const changed = (from: string, to: string) => [
      ...without("manifest.yaml"),
      textFile("manifest.yaml", new TextDecoder().decode(manifest?.bytes).replace(from, to)),
    ];
    const good = await packageOf();
    for (const [name, bytes, text] of [
      ["empty", new Uint8Array(), ""],
      ["no zip", new TextEncoder().encode("this is no zip"), ""],
      ["truncated", good.slice(0, good.byteLength / 2), ""],
      ["too large", new Uint8Array(MAX_PACKAGE_BYTES + 1), "file size exceeds the maximum limit"],
      ["bomb", await zip([...files, { path: "zeros", bytes: new Uint8Array(300_000) }]), "is too large"],
      ["no manifest", await zip(without("manifest.yaml")), "manifest.yaml"],
      ["no provider", await zip(without("provider/fake.yaml")), "provider/fake.yaml"],
      ["no icon", await zip(without("_assets/icon.svg")), "icon.svg"],
      ["author is a UUID", await zip(changed("tests", crypto.randomUUID())), "cannot set author to an UUID"],
      ["upper-case author", await zip(changed("tests", "Tests")), "plugin_unique_identifier is not valid"],
      ["climbing name", await zip([...files, textFile("../evil.txt", "x")]), ""],
      ["broken YAML", await zip(changed("version:", "[: {")), ""],
    ] as const) {
      const answer = await management.uploadForm(bytes);
      expect([name, answer.status, answer.code]).toEqual([name, 200, -400]);
      expect(answer.error?.error_type).toBe("PluginDaemonBadRequestError");
      expect(answer.error?.message).toContain(text);
    }
    for (const [body, type] of [
      ["{}", "application/json"],
      ["PK", "application/octet-stream"],
    ] as const) {
      const request = new Request(management.at(UPLOAD), {
        method: "POST",
        body,
        headers: { "content-type": type },
      });
      expect(await management.request(request)).toMatchObject({
        status: 200,
        code: -400,
        error: { message: "request Content-Type isn't multipart/form-data" },
      });
    }
    expect(await keysOf(management)).toBe(0);
  }));

test("upload that cannot be stored to its end leaves nothing of itself, and everything of others", async () => {
  const blobs = createMemoryBlobs();
  const { store } = createServices();
  let broken = "";
  const upload = createUploadPackage({
    store: createStorePackages({
      declarations: {
        ...store.declarations,
        save: (row) =>
          broken === "row" ? Promise.reject(new Error("disk full")) : store.declarations.save(row),
      },
      blobs: {
        ...blobs,
        put: (kind, key, bytes) =>
          kind === broken
            ? Promise.reject(new DaemonError("internal", "disk full"))
            : blobs.put(kind, key, bytes),
      },
      guard: createPackageGuard(),
    }),
    maxPackageBytes: MAX_PACKAGE_BYTES,
    publicKeys: [],
    forceSignature: false,
  });
  for (broken of ["asset", "package", "row"]) {
    expect(String(await rejection(upload(await packageOf(), { verifySignature: false })))).toContain(
      "disk full",
    );
    expect(blobs.keys()).toEqual([]);
  }
  broken = "";
  await upload(await packageOf(), { verifySignature: false });
  const stored = blobs.keys();
  expect(stored).toHaveLength(2);
  // The icon of the other package is the same one: it has to survive.
  for (broken of ["package", "row"]) {
    await rejection(upload(await packageOf({ version: "0.0.2" }), { verifySignature: false }));
    expect(blobs.keys()).toEqual(stored);
  }
});
