import { validateUpload } from "../package/validate-upload.ts";
import { remapAssets } from "../package/remap-assets.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { DecodedPackage } from "./decode-package.ts";
import { requireSignature } from "./signature-policy.ts";
import type { StorePackages } from "./store-packages.ts";

export interface UploadPackageDeps {
  readonly store: StorePackages;
  /** Limit of the file, and of the sum of what is packed in it (`MAX_PLUGIN_PACKAGE_SIZE`). */
  readonly maxPackageBytes: number;
  /** PEM texts of the keys whose signature counts. */
  readonly publicKeys: readonly string[];
  /** Refuse every unsigned package (`FORCE_VERIFYING_SIGNATURE`). */
  readonly forceSignature: boolean;
}

/**
 * Checks a `.difypkg`, in memory or in a file, and stores it, so that it can be installed (contract/lifecycle 3.1). Nothing is stored when it
 * is refused, and what was stored goes again when the rest cannot be. Icons in the answer are asset ids.
 */
export type UploadPackage = (
  source: Uint8Array | Blob,
  options: { readonly verifySignature: boolean },
) => Promise<DecodedPackage>;

export function createUploadPackage(deps: UploadPackageDeps): UploadPackage {
  const { store, maxPackageBytes, publicKeys } = deps;
  return async (source, { verifySignature }) => {
    if ((source instanceof Uint8Array ? source.byteLength : source.size) > maxPackageBytes)
      throw new DaemonError("bad_request", "file size exceeds the maximum limit");
    const { readPackage } = await import("../package/read-package.ts");
    const pkg = await readPackage(source, { maxUncompressedBytes: maxPackageBytes, publicKeys });
    validateUpload(pkg);
    if (deps.forceSignature || verifySignature) requireSignature(pkg);
    const { declaration, assets } = remapAssets(pkg);
    const { identifier, verification, sizeBytes } = pkg;
    const content = { bytes: source, assets };
    await store([
      {
        identifier,
        declaration,
        verification,
        sizeBytes,
        assetIds: [...assets.keys()],
        content: () => Promise.resolve(content),
      },
    ]);
    return { unique_identifier: identifier.text, manifest: declaration, verification };
  };
}
