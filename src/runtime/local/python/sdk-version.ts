import type { Requirement } from "./requirements.ts";
import { parseSpecifier } from "./specifier.ts";
import { compareVersions, parseVersion, type Version } from "./version.ts";

/** The SDK on package indexes; `dify_plugin` is the same name. */
export const SDK_NAME = "dify-plugin";

/** From 0.8.0 on the SDK needs Python 3.12, before 3.11 (contract/plugin-wire 6.1). */
const NEEDS_PYTHON_312 = parseVersion("0.8.0");
/** Older ones have a memory leak and slow input that the reference daemon patches (contract/plugin-wire 6.3). */
const WORKS_WELL_FROM = parseVersion("0.1.1");

/** Lowest minor version of Python 3 that the SDK asked for can run on; undefined when no SDK is asked for. */
export function sdkFloor(requirements: readonly Requirement[]): number | undefined {
  const asked = requirements.filter((requirement) => requirement.name === SDK_NAME);
  if (asked.length === 0) return undefined;
  const lower = asked.flatMap((requirement) => lowerBounds(requirement.specifier));
  const newest = NEEDS_PYTHON_312;
  return newest && lower.some((version) => compareVersions(version, newest) >= 0) ? 12 : 11;
}

/** Is it so old that the reference daemon patches it? */
export function isOldSdk(version: string): boolean {
  const parsed = parseVersion(version);
  return (
    parsed !== undefined && WORKS_WELL_FROM !== undefined && compareVersions(parsed, WORKS_WELL_FROM) < 0
  );
}

function lowerBounds(specifier: string): Version[] {
  return (parseSpecifier(specifier) ?? []).flatMap((clause) =>
    clause.version && ["==", "===", "~=", ">=", ">"].includes(clause.operator) ? [clause.version] : [],
  );
}
