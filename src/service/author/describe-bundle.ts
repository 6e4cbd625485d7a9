import { splitGithubPattern, splitMarketplacePattern } from "../../package/bundle/dependency.ts";
import { BUNDLE_ASSETS } from "../../package/bundle/open-bundle.ts";
import { editBundleManifest } from "./bundle-manifest.ts";
import { openBundleSource } from "./bundle-source.ts";

export interface DescribedDependency {
  /** `github`, `marketplace`, `package`, or a type that we don't know. */
  readonly type: string;
  /** Its parts by their names. */
  readonly parts: Readonly<Record<string, string | number>>;
  /** What keeps an upload from using it; undefined where nothing is known. */
  readonly problem?: string;
}

/** The dependencies of a bundle in their order. Throws `bad_request` for what is no bundle. */
export async function describeBundle(path: string): Promise<readonly DescribedDependency[]> {
  const source = await openBundleSource(path);
  const { dependencies } = editBundleManifest(source.manifest).decoded;
  return Promise.all(
    (dependencies ?? []).map(async (dependency): Promise<DescribedDependency> => {
      if (dependency.kind === "unknown")
        return { type: dependency.type, parts: {}, problem: "uploads skip it: its type is unknown" };
      if (dependency.kind === "package") {
        const parts = { path: `${BUNDLE_ASSETS}${dependency.path}` };
        const size = (await source.asset(dependency.path))?.byteLength;
        return size === undefined
          ? { type: dependency.kind, parts, problem: "its file is missing" }
          : { type: dependency.kind, parts: { ...parts, size } };
      }
      const { kind, pattern } = dependency;
      const parts = kind === "github" ? splitGithubPattern(pattern) : splitMarketplacePattern(pattern);
      return parts
        ? { type: kind, parts: { ...parts } }
        : { type: kind, parts: { pattern }, problem: "its pattern cannot be read" };
    }),
  );
}
