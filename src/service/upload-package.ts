import type { BlobKind, BlobStore } from "../blob/blob-store.ts";
import { validateUpload } from "../package/validate-upload.ts";
import type { PluginPackage, RemappedAssets } from "../package/package.ts";
import { readPackage } from "../package/read-package.ts";
import { remapAssets } from "../package/remap-assets.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { categoryOf } from "../protocol/declaration.ts";
import type { DeclarationStore } from "../store/store.ts";
import type { DecodedPackage } from "./decode-package.ts";
import type { PackageGuard } from "./package-guard.ts";

export interface UploadPackageDeps {
  readonly declarations: Pick<DeclarationStore, "save">;
  readonly blobs: BlobStore;
  readonly guard: PackageGuard;
  /** Limit of the file, and of the sum of what is packed in it (`MAX_PLUGIN_PACKAGE_SIZE`). */
  readonly maxPackageBytes: number;
  /** PEM texts of the keys whose signature counts. */
  readonly publicKeys: readonly string[];
  /** Refuse every unsigned package (`FORCE_VERIFYING_SIGNATURE`). */
  readonly forceSignature: boolean;
}

/**
 * Checks a `.difypkg` and stores it, so that it can be installed (contract/lifecycle 3.1). Nothing is stored when it
 * is refused, and what was stored goes again when the rest cannot be. Icons in the answer are asset ids.
 */
export type UploadPackage = (
  bytes: Uint8Array,
  options: { readonly verifySignature: boolean },
) => Promise<DecodedPackage>;

export function createUploadPackage(deps: UploadPackageDeps): UploadPackage {
  const { declarations, blobs, guard, maxPackageBytes, publicKeys } = deps;

  async function save(pkg: PluginPackage, bytes: Uint8Array, remapped: RemappedAssets): Promise<void> {
    const identifier = pkg.identifier.text;
    const created: (readonly [BlobKind, string])[] = [];
    const put = async (kind: BlobKind, key: string, content: Uint8Array) => {
      const isNew = !(await blobs.has(kind, key));
      if (isNew) created.push([kind, key]);
      await blobs.put(kind, key, content);
    };
    try {
      for (const [id, content] of remapped.assets) await put("asset", id, content);
      await put("package", identifier, bytes);
      await declarations.save({
        identifier,
        pluginId: pkg.identifier.pluginId,
        category: categoryOf(remapped.declaration),
        declaration: remapped.declaration,
        verification: pkg.verification,
        packageBytes: bytes.byteLength,
        assetIds: [...remapped.assets.keys()],
      });
    } catch (cause) {
      // The failure of the upload is what the caller has to see, also when the clean-up fails for the same reason.
      await Promise.allSettled(created.map(([kind, key]) => blobs.delete(kind, key)));
      throw cause;
    }
  }

  return async (bytes, { verifySignature }) => {
    if (bytes.byteLength > maxPackageBytes)
      throw new DaemonError("bad_request", "file size exceeds the maximum limit");
    const pkg = await readPackage(bytes, { maxUncompressedBytes: maxPackageBytes, publicKeys });
    validateUpload(pkg);
    if ((deps.forceSignature || verifySignature) && pkg.verification === null)
      throw new DaemonError(
        "bad_request",
        "plugin verification has been enabled, and the plugin you want to install has a bad signature",
      );
    const remapped = remapAssets(pkg);
    await guard.alone([pkg.identifier.text, ...remapped.assets.keys()], () => save(pkg, bytes, remapped));
    return {
      unique_identifier: pkg.identifier.text,
      manifest: remapped.declaration,
      verification: pkg.verification,
    };
  };
}
