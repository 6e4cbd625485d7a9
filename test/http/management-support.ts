import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { Elysia } from "elysia";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskBlobStore } from "../../src/blob/disk-blob-store.ts";
import { failureOf, statusOf } from "../../src/http/errors.ts";
import { assetRoutes } from "../../src/http/routes/assets.ts";
import { openUploadSpool } from "../../src/http/upload-spool.ts";
import { managementInstallRoutes } from "../../src/http/routes/management-install.ts";
import { managementListRoutes } from "../../src/http/routes/management-lists.ts";
import { managementPluginRoutes } from "../../src/http/routes/management-plugins.ts";
import { managementProviderRoutes } from "../../src/http/routes/management-providers.ts";
import { readmeRoutes } from "../../src/http/routes/readme.ts";
import type { PackageFile } from "../../src/package/package.ts";
import { createReadAsset } from "../../src/service/assets.ts";
import { createStoredPackages } from "../../src/service/decode-package.ts";
import { createInstalledLists } from "../../src/service/installed-lists.ts";
import { createListModelBindings } from "../../src/service/model-bindings.ts";
import { createProviders } from "../../src/service/providers.ts";
import { createReadReadme } from "../../src/service/readme.ts";
import { createStorePackages } from "../../src/service/store-packages.ts";
import { createUploadPackage } from "../../src/service/upload-package.ts";
import { openStore } from "../../src/store/open-store.ts";
import { type FakePlugin, fakePluginFiles } from "../support/fake-plugin-package.ts";
import { createServices } from "../unit/service-install/support.ts";

export const MAX_PACKAGE_BYTES = 200_000;

/** An answer, its error text unfolded. */
export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly code: unknown;
  readonly data: unknown;
  readonly error: { readonly message: string; readonly error_type: string; readonly args: null } | undefined;
  readonly bytes: Uint8Array;
}

export async function zip(files: readonly PackageFile[], comment = ""): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
  for (const { path, bytes } of files) await writer.add(path, new Uint8ArrayReader(bytes));
  return writer.close(new TextEncoder().encode(comment));
}

export async function packageOf(plugin: FakePlugin = {}): Promise<Uint8Array<ArrayBuffer>> {
  return zip(await fakePluginFiles(plugin));
}

export function textFile(path: string, text: string): PackageFile {
  return { path, bytes: new TextEncoder().encode(text) };
}

export interface ManagementOptions {
  readonly forceSignature?: boolean;
  /** The folder of an earlier one, whose process is gone. */
  readonly folder?: string;
}

/** The management routes over a store and blobs on disk, with a launcher that the test steers. */
export async function createManagement(options: ManagementOptions = {}) {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "plugd-management-")));
  const store = openStore({ path: join(folder, "plugd.db"), synchronous: "normal", sessionHistory: 10 });
  const blobs = await createDiskBlobStore({
    root: join(folder, "storage"),
    prefixes: { package: "plugin_packages", asset: "assets" },
  });
  const services = createServices({ store, blobs });
  const packages = createStoredPackages({ blobs, publicKeys: [] });
  const spool = await openUploadSpool(join(folder, "uploads"));
  const upload = createUploadPackage({
    store: createStorePackages({ declarations: store.declarations, blobs, guard: services.guard }),
    maxPackageBytes: MAX_PACKAGE_BYTES,
    publicKeys: [],
    forceSignature: options.forceSignature ?? false,
  });
  const app = new Elysia()
    .onError(({ error, path, set }) => {
      set.status = statusOf(error, { typed: path.includes("asset/") });
      return failureOf(error);
    })
    .use(managementInstallRoutes({ ...services, upload, spool, maxPackageBytes: MAX_PACKAGE_BYTES }))
    .use(managementPluginRoutes({ installed: services.installed, packages }))
    .use(managementListRoutes({ lists: createInstalledLists(store) }))
    .use(
      managementProviderRoutes({
        providers: createProviders(store),
        bindings: createListModelBindings(store),
      }),
    )
    .use(readmeRoutes({ readReadme: createReadReadme({ readmes: store.readmes, packages }) }))
    .use(assetRoutes({ readAsset: createReadAsset({ blobs }), packages }));

  async function call(request: Request): Promise<Answer> {
    const response = await app.handle(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const type = response.headers.get("content-type");
    const body = type?.startsWith("application/json") ? JSON.parse(new TextDecoder().decode(bytes)) : {};
    const error = typeof body.code === "number" && body.code < 0 ? JSON.parse(body.message) : undefined;
    return { status: response.status, type, code: body.code, data: body.data, error, bytes };
  }

  const at = (path: string, tenant = "t1") => `http://localhost/plugin/${tenant}${path}`;
  return {
    ...services,
    folder,
    store,
    blobs,
    /** `path` begins behind the tenant. */
    get: (path: string, tenant?: string) => call(new Request(at(path, tenant))),
    post: (path: string, body?: unknown, tenant?: string) =>
      call(
        new Request(at(path, tenant), {
          method: "POST",
          headers: { "content-type": "application/json" },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        }),
      ),
    request: call,
    at,
    uploadForm(bytes: Uint8Array<ArrayBuffer>, fields: Readonly<Record<string, string>> = {}) {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("dify_pkg", new Blob([bytes]), "plugin.difypkg");
      return call(new Request(at("/management/install/upload/package"), { method: "POST", body: form }));
    },
    /** As a process that was killed: nothing is told to anybody. */
    async abandon() {
      await store.close();
    },
    async close() {
      await services.background.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Management = Awaited<ReturnType<typeof createManagement>>;

/** Runs a test with routes of its own. */
export async function withManagement(
  work: (management: Management) => Promise<void>,
  options?: ManagementOptions,
): Promise<void> {
  const management = await createManagement(options);
  try {
    await work(management);
  } finally {
    await management.close();
  }
}
