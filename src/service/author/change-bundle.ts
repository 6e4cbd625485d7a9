import { readFile } from "node:fs/promises";
import { errorCode } from "../../lib/system-error.ts";
import { isBundleVersion, isGithubPattern, isMarketplacePattern } from "../../package/bundle/dependency.ts";
import type { BundleManifest } from "../../package/bundle/manifest.ts";
import { readPackage } from "../../package/read-package.ts";
import { brokenRule } from "../../package/validate-upload.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { editBundleManifest } from "./bundle-manifest.ts";
import { openBundleSource } from "./bundle-source.ts";

/** Who a bundle is; what a new one is made of. */
export interface BundleProfile {
  readonly name: string;
  readonly author: string;
  readonly description: string;
}

const VERSIONS = "1.0.0, ~1.0.0, ^1.0.0, 1.0.x or 1.0.0-2.0.0";

/** Adds a release of a repository, `owner/repo:version/asset`. Throws `bad_request` and then changes nothing. */
export async function addGithubDependency(bundle: string, pattern: string): Promise<void> {
  if (!isGithubPattern(pattern)) throw wrongPattern(pattern, "owner/repo:version/asset");
  await addReference(bundle, { type: "github", value: { repo_pattern: pattern } });
}

/** Adds a plugin of the marketplace, `organization/plugin:version`. Throws as `addGithubDependency` does. */
export async function addMarketplaceDependency(bundle: string, pattern: string): Promise<void> {
  if (!isMarketplacePattern(pattern)) throw wrongPattern(pattern, "organization/plugin:version");
  await addReference(bundle, { type: "marketplace", value: { marketplace_pattern: pattern } });
}

/**
 * Puts a package into the bundle, as the asset that is named by its checksum; answers that. Throws `bad_request` where
 * an upload would refuse the package, or the bundle has it already.
 */
export async function addPackageDependency(bundle: string, packagePath: string): Promise<string> {
  const source = await openBundleSource(bundle);
  const manifest = editBundleManifest(source.manifest);
  const bytes = await read(packagePath);
  const pkg = await readPackage(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER, publicKeys: [] });
  const broken = brokenRule(pkg.declaration);
  if (broken !== undefined) throw new DaemonError("bad_request", `Cannot add "${packagePath}": ${broken}`);
  const name = pkg.identifier.checksum;
  if (usesAsset(manifest.decoded, name))
    throw new DaemonError(
      "bad_request",
      `Cannot add "${packagePath}": the bundle has ${pkg.identifier.text} already`,
    );
  manifest.addDependency({ type: "package", value: { path: name } });
  await source.save({ manifest: manifest.text(), added: { name, bytes } });
  return name;
}

/** Removes the dependency at a place, counted from 0. Throws `bad_request` where there is none. */
export async function removeBundleDependency(bundle: string, index: number): Promise<void> {
  const source = await openBundleSource(bundle);
  const manifest = editBundleManifest(source.manifest);
  const dependencies = manifest.decoded.dependencies ?? [];
  const removed = dependencies[index];
  if (removed === undefined)
    throw new DaemonError(
      "bad_request",
      `Cannot remove dependency ${index}: ${dependencies.length === 0 ? "the bundle has none" : `the last one is ${dependencies.length - 1}`}`,
    );
  manifest.removeDependency(index);
  const left = { dependencies: dependencies.filter((_, at) => at !== index) };
  const isUnused = removed.kind === "package" && !usesAsset(left, removed.path);
  await source.save({ manifest: manifest.text(), ...(isUnused && { unused: removed.path }) });
}

/** Sets the version, such as `1.0.0` or `1.0.0-beta`. Throws `bad_request` for what is none. */
export async function setBundleVersion(bundle: string, version: string): Promise<void> {
  if (!isBundleVersion(version))
    throw new DaemonError(
      "bad_request",
      `Cannot set the version "${version}": three numbers such as 0.0.1 are wanted, with a suffix such as -beta if you want`,
    );
  const source = await openBundleSource(bundle);
  const manifest = editBundleManifest(source.manifest);
  manifest.set("version", version);
  await source.save({ manifest: manifest.text() });
}

export async function readBundleProfile(bundle: string): Promise<BundleProfile> {
  const { decoded } = editBundleManifest((await openBundleSource(bundle)).manifest);
  return { name: decoded.name, author: decoded.author, description: decoded.description.en_US };
}

/** Says anew who the bundle is. Translations go: they were of the old texts. */
export async function setBundleProfile(bundle: string, profile: BundleProfile): Promise<void> {
  const source = await openBundleSource(bundle);
  const manifest = editBundleManifest(source.manifest);
  manifest.set("name", profile.name);
  manifest.set("labels", { en_US: profile.name });
  manifest.set("description", { en_US: profile.description });
  manifest.set("author", profile.author);
  await source.save({ manifest: manifest.text() });
}

async function addReference(
  bundle: string,
  dependency: Parameters<ReturnType<typeof editBundleManifest>["addDependency"]>[0],
): Promise<void> {
  const source = await openBundleSource(bundle);
  const manifest = editBundleManifest(source.manifest);
  manifest.addDependency(dependency);
  await source.save({ manifest: manifest.text() });
}

function usesAsset({ dependencies }: Pick<BundleManifest, "dependencies">, name: string): boolean {
  return (dependencies ?? []).some((dependency) => dependency.kind === "package" && dependency.path === name);
}

function wrongPattern(pattern: string, form: string): DaemonError {
  return new DaemonError("bad_request", `Cannot add "${pattern}": it is not of the form ${form}`, {
    hint: `Names are of a-z, 0-9, - and _; a version is ${VERSIONS}`,
  });
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = errorCode(cause) ?? String(cause);
    throw new DaemonError("bad_request", `Cannot read "${path}": ${reason}`, { cause });
  }
}
