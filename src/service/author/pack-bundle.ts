import { isBundleVersion, isGithubPattern, isMarketplacePattern } from "../../package/bundle/dependency.ts";
import type { BundleDependency } from "../../package/bundle/dependency.ts";
import type { BundleManifest } from "../../package/bundle/manifest.ts";
import { openBundle } from "../../package/bundle/open-bundle.ts";
import { readPackage } from "../../package/read-package.ts";
import { brokenRule } from "../../package/validate-upload.ts";
import { writePackage } from "../../package/write-package.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { editBundleManifest } from "./bundle-manifest.ts";
import { type BundleSource, openBundleSource } from "./bundle-source.ts";

/**
 * The bytes of a `.difybndl`, of a bundle's folder or another `.difybndl`. They were read back as an upload reads them.
 *
 * Rejects with `bad_request` listing everything that is wrong with the manifest, and every package that an upload
 * would refuse (contract/plugin-package 6).
 */
export async function packBundle(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = await openBundleSource(path);
  const { decoded } = editBundleManifest(source.manifest);
  const problems = manifestProblems(decoded);
  for (const [index, dependency] of (decoded.dependencies ?? []).entries()) {
    const problem = await dependencyProblem(dependency, source);
    if (problem !== undefined) problems.push(`dependencies[${index}]: ${problem}`);
  }
  if (problems.length > 0)
    throw new DaemonError("bad_request", ["Cannot pack the bundle:", ...problems].join("\n"), {
      hint: "Nothing was written; correct these and pack again",
    });
  const bytes = await writePackage(await source.files());
  await openBundle(bytes);
  return bytes;
}

function manifestProblems(manifest: BundleManifest): string[] {
  const problems: string[] = [];
  for (const field of ["name", "icon", "author"] as const)
    if (manifest[field] === "") problems.push(`${field}: is missing`);
  for (const field of ["labels", "description"] as const)
    if (manifest[field].en_US === "") problems.push(`${field}.en_US: is missing`);
  if (!isBundleVersion(manifest.version))
    problems.push(
      `version: must be three numbers such as "0.0.1", with a suffix such as "-beta" if you want, not ${JSON.stringify(manifest.version)}`,
    );
  if (manifest.type !== "bundle")
    problems.push(`type: must be "bundle", not ${JSON.stringify(manifest.type)}`);
  if (manifest.dependencies === null) problems.push("dependencies: is missing");
  return problems;
}

async function dependencyProblem(
  dependency: BundleDependency,
  source: BundleSource,
): Promise<string | undefined> {
  switch (dependency.kind) {
    case "github":
      return isGithubPattern(dependency.pattern)
        ? undefined
        : `${JSON.stringify(dependency.pattern)} is not of the form owner/repo:version/asset`;
    case "marketplace":
      return isMarketplacePattern(dependency.pattern)
        ? undefined
        : `${JSON.stringify(dependency.pattern)} is not of the form organization/plugin:version`;
    case "package":
      return packageProblem(dependency.path, source);
    case "unknown":
      return `the type ${JSON.stringify(dependency.type)} is none of github, marketplace, package`;
  }
}

async function packageProblem(name: string, source: BundleSource): Promise<string | undefined> {
  const bytes = await source.asset(name);
  if (!bytes) return `there is no file _assets/${name}`;
  try {
    const pkg = await readPackage(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER, publicKeys: [] });
    return brokenRule(pkg.declaration);
  } catch (error) {
    if (error instanceof DaemonError) return error.message;
    throw error;
  }
}
