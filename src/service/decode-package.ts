import type { BlobStore } from "../blob/blob-store.ts";
import type { PackageFile } from "../package/package.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration, Verification } from "../protocol/declaration.ts";

/** What an upload and a decode answer (contract/http-api 3.4.2). */
export interface DecodedPackage {
  readonly unique_identifier: string;
  readonly manifest: PluginDeclaration;
  readonly verification: Verification | null;
}

/** Reads packages that were uploaded. */
export interface StoredPackages {
  /** Icons are the names in the package. Throws `bad_request` when it was never uploaded. */
  decode(identifier: string): Promise<DecodedPackage>;
  /** All files of the package. Throws `internal` when it was never uploaded. */
  files(identifier: string): Promise<readonly PackageFile[]>;
  /** A file below `_assets/`, by its name there; undefined when there is none. Throws as `files` does. */
  asset(identifier: string, name: string): Promise<Uint8Array | undefined>;
}

export interface StoredPackagesDeps {
  readonly blobs: Pick<BlobStore, "get">;
  readonly publicKeys: readonly string[];
}

const NOT_UPLOADED = "plugin package not found, please upload it firstly";
/** Its size was checked at the upload, maybe under another limit than today's. */
const maxUncompressedBytes = Number.MAX_SAFE_INTEGER;

export function createStoredPackages({ blobs, publicKeys }: StoredPackagesDeps): StoredPackages {
  async function files(identifier: string): Promise<readonly PackageFile[]> {
    const bytes = await blobs.get("package", identifier);
    if (!bytes) throw new DaemonError("internal", NOT_UPLOADED);
    const { readArchive } = await import("../package/archive.ts");
    return (await readArchive(bytes, { maxUncompressedBytes })).files;
  }

  return {
    async decode(identifier) {
      const bytes = await blobs.get("package", identifier);
      if (!bytes) throw new DaemonError("bad_request", NOT_UPLOADED);
      // With its YAML parser it is a tenth of the program; most starts of a daemon read no package.
      const { readPackage } = await import("../package/read-package.ts");
      const pkg = await readPackage(bytes, { maxUncompressedBytes, publicKeys });
      return {
        unique_identifier: pkg.identifier.text,
        manifest: pkg.declaration,
        verification: pkg.verification,
      };
    },
    files,
    async asset(identifier, name) {
      return (await files(identifier)).find(({ path }) => path === `_assets/${name}`)?.bytes;
    },
  };
}
