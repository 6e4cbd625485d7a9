import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Elysia } from "elysia";
import type { BlobStore } from "../../src/blob/blob-store.ts";
import { failureOf, statusOf } from "../../src/http/errors.ts";
import { managementBundleRoutes } from "../../src/http/routes/management-bundle.ts";
import { openUploadSpool } from "../../src/http/upload-spool.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { createStorePackages } from "../../src/service/store-packages.ts";
import { createUploadBundle, type UploadBundleDeps } from "../../src/service/upload-bundle.ts";
import {
  bundleManifestText,
  GITHUB_LINE,
  MARKETPLACE_LINE,
  namedPackage,
  packageLine,
  packBundle,
} from "../support/bundle.ts";
import { packZip, textEntries, TINY, tinyPackage } from "../support/pack.ts";
import { createMemoryBlobs, createServices } from "../unit/service-install/support.ts";

const MAX_PACKAGE_BYTES = 200_000;
const MAX_BUNDLE_BYTES = 1_000_000;
const BAD_REQUEST = "PluginDaemonBadRequestError";

interface BundleRoutesOptions extends Partial<Omit<UploadBundleDeps, "store">> {
  /** Fails the put, or the save, of the given key. */
  readonly failAt?: (key: string) => boolean;
}

/** The route over a store in memory, with a spool on disk. */
async function withBundles(
  work: (bundles: Awaited<ReturnType<typeof createBundles>>) => Promise<void>,
  options: BundleRoutesOptions = {},
): Promise<void> {
  const bundles = await createBundles(options);
  try {
    await work(bundles);
    expect(await readdir(bundles.folder)).toEqual([]);
  } finally {
    await rm(bundles.folder, { recursive: true, force: true });
  }
}

async function createBundles({ failAt = () => false, ...options }: BundleRoutesOptions) {
  const folder = await mkdtemp(join(tmpdir(), "plugd-bundles-"));
  const blobs = createMemoryBlobs();
  const services = createServices({ blobs });
  const refuse = (key: string) => Promise.reject(new DaemonError("internal", `no space for "${key}"`));
  const put: BlobStore["put"] = (kind, key, bytes) =>
    failAt(key) ? refuse(key) : blobs.put(kind, key, bytes);
  const { declarations } = services.store;
  const store = createStorePackages({
    declarations: {
      ...declarations,
      save: (row) => (failAt(`row ${row.identifier}`) ? refuse(row.identifier) : declarations.save(row)),
    },
    blobs: { ...blobs, put },
    guard: services.guard,
  });
  const app = new Elysia()
    .onError(({ error, set }) => {
      set.status = statusOf(error, { typed: false });
      return failureOf(error);
    })
    .use(
      managementBundleRoutes({
        uploadBundle: createUploadBundle({
          store,
          maxPackageBytes: MAX_PACKAGE_BYTES,
          maxBundleBytes: MAX_BUNDLE_BYTES,
          publicKeys: [],
          forceSignature: false,
          enforceOfficial: true,
          ...options,
        }),
        spool: await openUploadSpool(folder),
        maxBundleBytes: MAX_BUNDLE_BYTES,
      }),
    );
  return {
    folder,
    blobs,
    services,
    async upload(bytes: Uint8Array<ArrayBuffer>, fields: Readonly<Record<string, string>> = {}) {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("dify_bundle", new Blob([bytes]), "box.difybndl");
      const request = new Request("http://localhost/plugin/t1/management/install/upload/bundle", {
        method: "POST",
        body: form,
      });
      const response = await app.handle(request);
      const body = JSON.parse(await response.text());
      return {
        status: response.status,
        code: body.code,
        data: body.data,
        error: body.code < 0 ? JSON.parse(body.message) : undefined,
      };
    },
  };
}

const three = (name: string) =>
  packBundle({
    assets: {
      one: namedPackage(`${name}-1`),
      two: namedPackage(`${name}-2`),
      three: namedPackage(`${name}-3`),
    },
  });

describe("upload of a bundle", () => {
  test("answers its dependencies in their order, and stores the packages", () =>
    withBundles(async ({ upload, blobs, services }) => {
      const answer = await upload(
        packBundle({
          dependencies: [GITHUB_LINE, packageLine("inner"), "{type: svn, value: {a: 1}}", MARKETPLACE_LINE],
          assets: { inner: namedPackage("boxed") },
        }),
        { verify_signature: "false" },
      );
      expect(answer).toMatchObject({ status: 200, code: 0 });
      const identifier = answer.data[1].value.unique_identifier;
      expect(identifier).toMatch(/^a\/boxed:0\.0\.1@[0-9a-f]{64}$/);
      const icon = expect.stringMatching(/^[0-9a-f]{64}\.svg$/);
      expect(answer.data).toEqual([
        {
          type: "github",
          value: {
            repo_address: "https://github.com/gold/repo",
            repo: "gold/repo",
            release: "1.0.0",
            packages: "a.difypkg",
          },
        },
        {
          type: "package",
          value: {
            unique_identifier: identifier,
            manifest: expect.objectContaining({ name: "boxed", icon }),
          },
        },
        { type: "marketplace", value: { organization: "gold", plugin: "market", version: "^0.0.1" } },
      ]);
      expect(blobs.keys()).toEqual([expect.stringMatching(/^asset .*\.svg$/), `package ${identifier}`]);
      expect(await blobs.get("package", identifier)).toEqual(new Uint8Array(namedPackage("boxed")));
      expect(await services.store.declarations.get(identifier)).toMatchObject({
        pluginId: "a/boxed",
        category: "tool",
      });
    }));

  test("without dependencies it answers an empty list", () =>
    withBundles(async ({ upload, blobs }) => {
      expect((await upload(packBundle())).data).toEqual([]);
      expect((await upload(packBundle({ manifest: "type: bundle\n" }))).data).toEqual([]);
      expect(blobs.keys()).toEqual([]);
    }));

  test("twice, also at once, gives the same answer and is stored once", () =>
    withBundles(async ({ upload, blobs }) => {
      const answers = await Promise.all([1, 2, 3].map(() => upload(three("same"))));
      expect(new Set(answers.map((answer) => JSON.stringify(answer.data))).size).toBe(1);
      expect(answers[0]?.code).toBe(0);
      expect(blobs.keys()).toHaveLength(6);
    }));

  test("refuses every bad bundle, and stores nothing of it", () =>
    withBundles(async ({ upload, blobs }) => {
      const good = namedPackage("good");
      const bad = (content: Uint8Array | string) => packBundle({ assets: { good, bad: content } });
      const zeros = (size: number) =>
        packZip([...textEntries(TINY), { name: "zeros", data: Buffer.alloc(size) }]);
      for (const [name, bytes, text] of [
        ["empty", new Uint8Array(), "difybndl: not a valid difybndl file"],
        ["cut", packBundle({ assets: { good } }).slice(0, 400), "difybndl: not a valid difybndl file"],
        ["over the limit", new Uint8Array(MAX_BUNDLE_BYTES + 1), "file size exceeds the maximum limit"],
        ["a package", new Uint8Array(tinyPackage()), 'this is a plugin package, "a/n"'],
        [
          "traversal",
          packBundle({ assets: { good }, others: { "../../evil": "x" } }),
          "open ../../evil: invalid argument",
        ],
        ["broken YAML", packBundle({ manifest: "name: [" }), "yaml: line"],
        [
          "duplicate keys",
          packBundle({ manifest: `${bundleManifestText([])}name: again\n` }),
          "already defined",
        ],
        ["no manifest", packBundle({ manifest: null }), "manifest.yaml"],
        ["no zip in it", bad("nonsense"), 'failed to read package "bad" of the bundle\ndifypkg: not a valid'],
        ["a bundle in it", bad(packBundle()), "it is a bundle itself"],
        ["traversal in it", bad(packZip([...textEntries(TINY), { name: "../x", data: "" }])), "open ../x"],
        ["a broken rule in it", bad(namedPackage("NAME")), "plugin_unique_identifier is not valid"],
        [
          "no kind of plugin in it",
          bad(
            packZip(
              textEntries({
                ...TINY,
                "manifest.yaml": (TINY["manifest.yaml"] ?? "").replace("tools: [p.yaml]", "{}"),
              }),
            ),
          ),
          "illegal plugin manifest",
        ],
        [
          "a bomb in it",
          bad(zeros(300_000)),
          "please ensure the uncompressed size is less than 200000 bytes",
        ],
        [
          "a packed bomb in it",
          new Uint8Array(
            packZip([
              { name: "_assets/b", data: Buffer.alloc(300_000) },
              { name: "manifest.yaml", data: bundleManifestText([packageLine("b")]) },
            ]),
          ),
          "please ensure the uncompressed size is less than 200000 bytes",
        ],
        [
          "many small bombs in it",
          packBundle({
            assets: Object.fromEntries([1, 2, 3, 4, 5, 6].map((at) => [`b${at}`, zeros(190_000 + at)])),
          }),
          "please ensure the uncompressed size is less than 1000000 bytes",
        ],
        [
          "one package twice",
          packBundle({ assets: { good }, dependencies: [packageLine("good"), packageLine("good")] }),
          "twice",
        ],
        [
          "no pattern",
          packBundle({ dependencies: ["{type: github, value: {repo_pattern: x}}"] }),
          'dependency "x" is not of the form',
        ],
        [
          "no value",
          packBundle({ dependencies: ["{type: marketplace}"] }),
          'dependency "" is not of the form',
        ],
        ["langgenius", bad(namedPackage("fake", "langgenius")), "plugin installation blocked"],
      ] as const) {
        const answer = await upload(bytes);
        expect([name, answer.status, answer.code]).toEqual([name, 200, -400]);
        expect(answer.error).toMatchObject({
          error_type: BAD_REQUEST,
          message: expect.stringContaining(text),
        });
      }
      expect(blobs.keys()).toEqual([]);
    }));

  test("what is missing in it is an internal error, as in the reference", () =>
    withBundles(async ({ upload, blobs }) => {
      const assets = { good: namedPackage("good") };
      for (const path of ["missing", "", "../manifest.yaml", "../_assets/good"]) {
        const answer = await upload(
          packBundle({ assets, dependencies: [packageLine("good"), packageLine(path)] }),
        );
        expect(answer).toMatchObject({
          status: 200,
          code: -500,
          error: {
            error_type: "PluginDaemonInternalServerError",
            message: expect.stringContaining("asset not found"),
          },
        });
      }
      const iconless = packZip(textEntries(TINY).filter(({ name }) => name !== "_assets/i.svg"));
      expect(await upload(packBundle({ assets: { iconless } }))).toMatchObject({
        code: -500,
        error: { message: expect.stringContaining("failed to remap assets\nfile not found: i.svg") },
      });
      expect(blobs.keys()).toEqual([]);
    }));

  test("takes what single uploads refuse and the reference takes: a UUID as author, a large package", () =>
    withBundles(async ({ upload }) => {
      const random = Buffer.concat(
        Array.from({ length: 8_000 }, (_, at) => createHash("sha256").update(String(at)).digest()),
      );
      const large = packZip([...textEntries(TINY), { name: "noise", data: random }]);
      const author = crypto.randomUUID();
      const answer = await upload(packBundle({ assets: { large, remote: namedPackage("r", author) } }));
      expect(answer.code).toBe(0);
      expect(answer.data[1].value.unique_identifier).toStartWith(`${author}/r:`);
    }));

  test("wants signatures where the form or the setting says so", async () => {
    const text =
      "plugin verification has been enabled, and the plugin you want to install has a bad signature";
    await withBundles(async ({ upload }) => {
      expect((await upload(three("x"), { verify_signature: "true" })).error.message).toBe(text);
      expect((await upload(three("x"), { verify_signature: "1" })).code).toBe(0);
      expect(
        (await upload(packBundle({ dependencies: [GITHUB_LINE] }), { verify_signature: "true" })).code,
      ).toBe(0);
    });
    await withBundles(
      async ({ upload }) => {
        expect((await upload(three("x"))).error.message).toBe(text);
      },
      { forceSignature: true },
    );
  });

  test("takes langgenius as author where nobody asks for its signature", () =>
    withBundles(
      async ({ upload }) => {
        expect((await upload(packBundle({ assets: { one: namedPackage("fake", "langgenius") } }))).code).toBe(
          0,
        );
      },
      { enforceOfficial: false },
    ));
});

describe("upload of a bundle that cannot be stored to its end", () => {
  /** What is refused, by the end of the name of the second or third package. */
  test.each([
    ["an asset", (key: string) => /^[0-9a-f]{64}\.svg$/.test(key)],
    ["the first package", (key: string) => key.startsWith("a/full-1:")],
    ["the last package", (key: string) => key.startsWith("a/full-3:")],
    ["the last declaration", (key: string) => key.startsWith("row a/full-3:")],
  ] as const)("leaves nothing: %s", async (_, failAt) => {
    await withBundles(
      async ({ upload, blobs, services }) => {
        expect(await upload(three("full"))).toMatchObject({ status: 200, code: -500 });
        expect(blobs.keys()).toEqual([]);
        expect(await services.store.declarations.unreferenced(new Date(services.clock.at + 1e9))).toEqual([]);
      },
      { failAt },
    );
  });

  test("leaves what others have stored, and gives replaced packages their bytes back", async () => {
    let failing = "";
    await withBundles(
      async ({ upload, blobs, services }) => {
        const icon = "<svg/>";
        const other = (name: string) => namedPackage(name, "a", icon);
        const first = packBundle({ assets: { one: other("p1"), two: other("p2") } });
        const before = (await upload(first)).data;
        const keys = blobs.keys();
        // The same plugins in other containers: their comments differ.
        const again = (name: string) =>
          packZip(
            textEntries({
              ...TINY,
              "manifest.yaml": (TINY["manifest.yaml"] ?? "").replace("name: n\n", `name: ${name}\n`),
              "_assets/i.svg": icon,
            }),
            { comment: "again" },
          );
        const second = packBundle({ assets: { new: other("p3"), one: again("p1"), two: again("p2") } });
        failing = before[1].value.unique_identifier;
        expect((await upload(second)).code).toBe(-500);
        expect(blobs.keys()).toEqual(keys);
        for (const [at, name] of ["p1", "p2"].entries()) {
          const { unique_identifier } = before[at].value;
          expect(Buffer.from((await blobs.get("package", unique_identifier)) ?? "").equals(other(name))).toBe(
            true,
          );
          expect(await services.store.declarations.get(unique_identifier)).toBeDefined();
        }
        failing = "";
        expect((await upload(second)).code).toBe(0);
        expect(await blobs.get("package", before[0].value.unique_identifier)).toEqual(
          new Uint8Array(again("p1")),
        );
      },
      { failAt: (key) => key === failing },
    );
  });

  test("keeps a package that somebody has begun to install meanwhile", async () => {
    let begin: (identifier: string) => Promise<void> = () => Promise.resolve();
    const services = createServices();
    const { declarations } = services.store;
    const store = createStorePackages({
      declarations: {
        ...declarations,
        async save(row) {
          if (row.pluginId === "a/q2") throw new Error("no space");
          await declarations.save(row);
          await begin(row.identifier);
        },
      },
      blobs: services.blobs,
      guard: services.guard,
    });
    begin = async (identifier) => {
      await services.store.installations.add({
        tenantId: "t1",
        pluginId: "a/q1",
        identifier,
        runtimeType: "local",
        source: "package",
        meta: {},
      });
    };
    const upload = createUploadBundle({
      store,
      maxPackageBytes: MAX_PACKAGE_BYTES,
      maxBundleBytes: MAX_BUNDLE_BYTES,
      publicKeys: [],
      forceSignature: false,
      enforceOfficial: true,
    });
    const bytes = packBundle({ assets: { one: namedPackage("q1"), two: namedPackage("q2") } });
    await expect(upload(new Blob([bytes]), { verifySignature: false })).rejects.toThrow("no space");
    const kept = [];
    for await (const key of services.blobs.list("package")) kept.push(key);
    expect(kept).toEqual([expect.stringMatching(/^a\/q1:/)]);
  });
});
