import type { PluginDeclaration, Verification } from "../protocol/declaration.ts";
import type { Identifier } from "../protocol/identifier.ts";

/** A file of a package: its cleaned, `/`-separated path and its bytes. */
export interface PackageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * A `.difypkg` that was read and checked.
 *
 * `declaration` still has the icon names of the package; `remapAssets` gives the one that is stored.
 */
export interface PluginPackage {
  readonly identifier: Identifier;
  readonly declaration: PluginDeclaration;
  readonly verification: Verification | null;
  /** In archive order. */
  readonly files: readonly PackageFile[];
  /** Files below `_assets/`, by their name without that prefix. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
  /** Size of the archive. */
  readonly sizeBytes: number;
}

/** Stored form of a declaration: icons replaced by asset ids, and the assets that these name. */
export interface RemappedAssets {
  readonly declaration: PluginDeclaration;
  /** Asset id (`sha256(bytes ‖ name)` + extension) → bytes. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

export interface ReadPackageOptions {
  /** Upper limit of the sum of uncompressed sizes. */
  readonly maxUncompressedBytes: number;
  /** PEM texts of the keys whose signature counts; empty means that nothing is ever verified. */
  readonly publicKeys: readonly string[];
}
