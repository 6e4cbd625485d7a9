import type { BundleDependency } from "../package/bundle/dependency.ts";
import { splitGithubPattern, splitMarketplacePattern } from "../package/bundle/dependency.ts";
import type { ArchiveEntry } from "../package/open-archive.ts";
import type { PluginPackage, RemappedAssets } from "../package/package.ts";
import { remapIcons } from "../package/remap-assets.ts";
import { packageTooLarge } from "../package/too-large.ts";
import { brokenRule } from "../package/validate-upload.ts";
import { createGarbageCount } from "../lib/garbage.ts";
import { DaemonError, type DaemonErrorCode } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { requireOfficialSignature, requireSignature } from "./signature-policy.ts";
import type { PackageToStore, StorePackages } from "./store-packages.ts";

export interface UploadBundleDeps {
  readonly store: StorePackages;
  /** What one package may unpack to, whatever its own size (`MAX_PLUGIN_PACKAGE_SIZE`). */
  readonly maxPackageBytes: number;
  /** What all of them may unpack to, whatever the bundle's size (`MAX_BUNDLE_PACKAGE_SIZE`). */
  readonly maxBundleBytes: number;
  /** PEM texts of the keys whose signature counts. */
  readonly publicKeys: readonly string[];
  /** Refuse every unsigned package (`FORCE_VERIFYING_SIGNATURE`). */
  readonly forceSignature: boolean;
  /** Refuse packages that name langgenius without its signature (`ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES`). */
  readonly enforceOfficial: boolean;
}

/** A dependency of a bundle as the API shows it (contract/http-api 3.4.1). */
export type UploadedDependency =
  | {
      readonly type: "github";
      readonly value: {
        readonly repo_address: string;
        readonly repo: string;
        readonly release: string;
        /** Name of the release's file. */
        readonly packages: string;
      };
    }
  | {
      readonly type: "marketplace";
      readonly value: { readonly organization: string; readonly plugin: string; readonly version: string };
    }
  | {
      readonly type: "package";
      /** Icons of the manifest are asset ids. */
      readonly value: { readonly unique_identifier: string; readonly manifest: PluginDeclaration };
    };

/**
 * Checks a `.difybndl` and stores the packages in it, all or none (contract/lifecycle 3.2). Answers its dependencies
 * in their order; nothing is installed, nothing is fetched. Of the packages one at a time is in memory, so the file
 * must stay as it is until then.
 *
 * Throws `bad_request` for a bundle or a package in it that cannot be used, `internal` where one is missing.
 */
export type UploadBundle = (
  file: Blob,
  options: { readonly verifySignature: boolean },
) => Promise<readonly UploadedDependency[]>;

/**
 * The reference sets no limit to the packages in a bundle. What unpacks to this many times its own size is a bomb,
 * unless it is small all the same: the largest official packages have a ratio of 4.
 */
const MAX_RATIO = 8;

const GARBAGE_BYTES = 32 * 1024 * 1024;

export function createUploadBundle(deps: UploadBundleDeps): UploadBundle {
  const { store, maxPackageBytes, maxBundleBytes, publicKeys } = deps;
  const letGo = createGarbageCount(GARBAGE_BYTES);

  async function read(
    entry: ArchiveEntry,
  ): Promise<{ readonly bytes: Uint8Array; readonly pkg: PluginPackage }> {
    if (entry.uncompressedBytes > limitOf(entry.compressedBytes, maxPackageBytes))
      throw packageTooLarge(limitOf(entry.compressedBytes, maxPackageBytes));
    // Of the packages before this one.
    letGo(entry.uncompressedBytes);
    const bytes = await entry.read();
    const { readPackage } = await import("../package/read-package.ts");
    const pkg = await readPackage(bytes, {
      maxUncompressedBytes: limitOf(bytes.byteLength, maxPackageBytes),
      publicKeys,
    });
    if (pkg.declaration["type"] === "bundle")
      throw new DaemonError("bad_request", "it is a bundle itself, and no plugin package");
    const broken = brokenRule(pkg.declaration);
    if (broken !== undefined) throw new DaemonError("bad_request", `${broken}\nillegal plugin manifest`);
    return { bytes, pkg };
  }

  async function check(
    entry: ArchiveEntry,
    options: { readonly name: string; readonly needsSignature: boolean },
  ): Promise<{ readonly toStore: PackageToStore; readonly unpackedBytes: number }> {
    const failed = `failed to read package ${JSON.stringify(options.name)} of the bundle`;
    const { pkg } = await explain(() => read(entry), failed);
    if (options.needsSignature) requireSignature(pkg);
    if (deps.enforceOfficial) requireOfficialSignature(pkg);
    const { declaration, assets } = await explain(() => remap(pkg), "failed to remap assets", "internal");
    return {
      unpackedBytes: pkg.files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
      toStore: {
        identifier: pkg.identifier,
        declaration,
        verification: pkg.verification,
        assetIds: [...assets.keys()],
        sizeBytes: pkg.sizeBytes,
        content: contentOf(entry),
      },
    };
  }

  /** Stands apart: a function that is made inside of `check` would hold the package that was checked. */
  function contentOf(entry: ArchiveEntry): PackageToStore["content"] {
    return async () => {
      const { bytes, pkg } = await read(entry);
      return { bytes, assets: remap(pkg).assets };
    };
  }

  return async (file, { verifySignature }) => {
    const { openBundle } = await import("../package/bundle/open-bundle.ts");
    const bundle = await openBundle(file);
    const maxUnpackedBytes = limitOf(file.size, maxBundleBytes);
    const answers: UploadedDependency[] = [];
    const packages = new Map<string, PackageToStore>();
    let unpacked = 0;
    for (const dependency of bundle.manifest.dependencies ?? []) {
      if (dependency.kind !== "package") {
        answers.push(...referenceOf(dependency));
        continue;
      }
      const name = dependency.path;
      const entry = bundle.asset(name);
      if (!entry) throw new DaemonError("internal", "failed to fetch package from bundle\nasset not found");
      if (packages.has(name))
        throw new DaemonError("bad_request", `Cannot read the bundle: it lists the package "${name}" twice`);
      const needsSignature = deps.forceSignature || verifySignature;
      const { toStore, unpackedBytes } = await check(entry, { name, needsSignature });
      unpacked += unpackedBytes;
      if (unpacked > maxUnpackedBytes) throw packageTooLarge(maxUnpackedBytes);
      packages.set(name, toStore);
      answers.push({
        type: "package",
        value: { unique_identifier: toStore.identifier.text, manifest: toStore.declaration },
      });
    }
    await store([...packages.values()]);
    return answers;
  };
}

function limitOf(packedBytes: number, floor: number): number {
  return Math.max(floor, MAX_RATIO * packedBytes);
}

function remap(pkg: PluginPackage): RemappedAssets {
  return remapIcons(pkg.declaration, pkg.assets);
}

/** What names a plugin elsewhere; a type that we don't know gives nothing, as in the reference. */
function referenceOf(
  dependency: Exclude<BundleDependency, { kind: "package" }>,
): readonly UploadedDependency[] {
  if (dependency.kind === "unknown") return [];
  const { kind, pattern } = dependency;
  if (kind === "github") {
    const parts = splitGithubPattern(pattern);
    if (!parts) throw malformed(pattern, "owner/repo:version/asset");
    const { repo, release, asset } = parts;
    return [
      { type: kind, value: { repo_address: `https://github.com/${repo}`, repo, release, packages: asset } },
    ];
  }
  const value = splitMarketplacePattern(pattern);
  if (!value) throw malformed(pattern, "organization/plugin:version");
  return [{ type: kind, value }];
}

/** Puts a line above the text of what `work` throws. */
async function explain<T>(work: () => T | Promise<T>, line: string, code?: DaemonErrorCode): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof DaemonError)) throw cause;
    throw new DaemonError(code ?? cause.code, `${line}\n${cause.message}`, { cause });
  }
}

function malformed(pattern: string, form: string): DaemonError {
  return new DaemonError(
    "bad_request",
    `Cannot read the bundle: its dependency "${pattern}" is not of the form "${form}"`,
  );
}
