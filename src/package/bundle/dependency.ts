import { type Decoder, struct } from "../yaml/decode.ts";
import type { YamlNode } from "../yaml/node.ts";
import { text } from "../yaml/values.ts";

/** What a bundle asks for (contract/plugin-package 6). */
export type BundleDependency =
  | { readonly kind: "github"; readonly pattern: string }
  | { readonly kind: "marketplace"; readonly pattern: string }
  /** A package in the bundle; `path` is its name below `_assets/`. */
  | { readonly kind: "package"; readonly path: string }
  /** Kept by editors, skipped by uploads. */
  | { readonly kind: "unknown"; readonly type: string };

/** The parts of `owner/repo:release/asset`. */
export interface GithubRelease {
  readonly repo: string;
  readonly release: string;
  readonly asset: string;
}

/** The parts of `organization/plugin:version`. */
export interface MarketplacePlugin {
  readonly organization: string;
  readonly plugin: string;
  readonly version: string;
}

const VERSION = String.raw`\d{1,4}(?:\.\d{1,4}){2}(?:-[A-Za-z0-9_]{1,16})?`;
const PART = String.raw`(?:\d{1,4}|[xX])`;
const VERSION_PATTERN = String.raw`(?:[~^]?${VERSION}|${PART}\.${PART}\.${PART}|${VERSION}-${VERSION})`;
const PLUGIN = "[a-z0-9_-]{1,64}/[a-z0-9_-]{1,128}";
const BUNDLE_VERSION = new RegExp(`^${VERSION}$`);
const GITHUB = new RegExp(`^${PLUGIN}:${VERSION_PATTERN}/[^/\\s]+$`);
const MARKETPLACE = new RegExp(`^${PLUGIN}:${VERSION_PATTERN}$`);

/** True for `1.0.0` and `1.0.0-beta`: three numbers of up to four digits, and a suffix of up to 16 characters. */
export function isBundleVersion(version: string): boolean {
  return BUNDLE_VERSION.test(version);
}

/** True for `owner/repo:<version>/<asset>`; the version may be one, a `~` or `^` of one, `1.x.X` or `1.0.0-2.0.0`. */
export function isGithubPattern(pattern: string): boolean {
  return GITHUB.test(pattern);
}

/** True for `organization/plugin:<version>`, with versions as in `isGithubPattern`. */
export function isMarketplacePattern(pattern: string): boolean {
  return MARKETPLACE.test(pattern);
}

/** The parts of a pattern, whatever they look like; undefined where there are fewer or more. */
export function splitGithubPattern(pattern: string): GithubRelease | undefined {
  const [, repo, release, asset] = /^([^:/]+\/[^:/]+):([^:/]+)\/([^:/]+)$/.exec(pattern) ?? [];
  if (repo === undefined || release === undefined || asset === undefined) return undefined;
  return { repo, release, asset };
}

/** As `splitGithubPattern`. */
export function splitMarketplacePattern(pattern: string): MarketplacePlugin | undefined {
  const [, organization, plugin, version] = /^([^:/]+)\/([^:/]+):([^:/]+)$/.exec(pattern) ?? [];
  if (organization === undefined || plugin === undefined || version === undefined) return undefined;
  return { organization, plugin, version };
}

const untyped = struct("Dependency", { type: text, value: (node: YamlNode | undefined) => node });
const github = struct("GithubDependency", { repo_pattern: text });
const marketplace = struct("MarketplaceDependency", { marketplace_pattern: text });
const inBundle = struct("PackageDependency", { path: text });

export const dependency: Decoder<BundleDependency> = (node, context) => {
  const { type, value } = untyped(node, context);
  switch (type) {
    case "github":
      return { kind: type, pattern: github(value, context).repo_pattern };
    case "marketplace":
      return { kind: type, pattern: marketplace(value, context).marketplace_pattern };
    case "package":
      return { kind: type, path: inBundle(value, context).path };
    default:
      return { kind: "unknown", type };
  }
};
