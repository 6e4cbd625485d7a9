/** A version by PEP 440, such as `1!2.0.1b3.post1.dev2+local`. */
export interface Version {
  readonly epoch: number;
  readonly release: readonly number[];
  /** `a`, `b` or `rc`, and its number. */
  readonly pre: readonly [string, number] | undefined;
  readonly post: number | undefined;
  readonly dev: number | undefined;
  readonly local: string | undefined;
}

const VERSION = new RegExp(
  "^v?(?:(\\d+)!)?(\\d+(?:\\.\\d+)*)" +
    "(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\\d*))?" +
    "(?:-(\\d+)|[-_.]?(post|rev|r)[-_.]?(\\d*))?" +
    "(?:[-_.]?(dev)[-_.]?(\\d*))?" +
    "(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$",
);
const PRE_NAMES: Readonly<Record<string, string>> = {
  alpha: "a",
  beta: "b",
  preview: "rc",
  pre: "rc",
  c: "rc",
};

/** Undefined where the text is no version. */
export function parseVersion(text: string): Version | undefined {
  const match = VERSION.exec(text.trim().toLowerCase());
  if (!match) return undefined;
  const [, epoch, release = "", preName, preNumber, bare, postName, postNumber, devName, devNumber, local] =
    match;
  return {
    epoch: Number(epoch ?? 0),
    release: release.split(".").map(Number),
    pre: preName === undefined ? undefined : [PRE_NAMES[preName] ?? preName, Number(preNumber ?? 0)],
    post: bare !== undefined ? Number(bare) : postName === undefined ? undefined : Number(postNumber ?? 0),
    dev: devName === undefined ? undefined : Number(devNumber ?? 0),
    local: local?.replaceAll(/[-_]/g, "."),
  };
}

/** Negative, 0 or positive, in the order of PEP 440: `1.dev0 < 1a1 < 1rc1 < 1 < 1+x < 1.post1`. */
export function compareVersions(a: Version, b: Version): number {
  return (
    a.epoch - b.epoch ||
    compareNumbers(a.release, b.release) ||
    comparePhases(a, b) ||
    (a.post ?? -1) - (b.post ?? -1) ||
    (a.dev ?? Infinity) - (b.dev ?? Infinity) ||
    compareLocals(a.local, b.local)
  );
}

/** Is it an alpha, beta, release candidate or development version? */
export function isPreRelease(version: Version): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

/** Compares number by number; missing ones are 0. */
export function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function comparePhases(a: Version, b: Version): number {
  const [left, right] = [phase(a), phase(b)];
  return left[0] - right[0] || left[1] - right[1];
}

/** `1.dev0` comes before every pre-release of 1, and `1` after all of them. */
function phase(version: Version): readonly [number, number] {
  if (version.pre) return [version.pre[0] === "a" ? 1 : version.pre[0] === "b" ? 2 : 3, version.pre[1]];
  return version.dev !== undefined && version.post === undefined ? [0, 0] : [4, 0];
}

function compareLocals(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const [left, right] = [a.split("."), b.split(".")];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one, other] = [left[at], right[at]];
    if (one === undefined) return -1;
    if (other === undefined) return 1;
    const difference = compareLocalParts(one, other);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers come after words, and count as numbers. */
function compareLocalParts(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aIsNumber && bIsNumber) return Number(a) - Number(b);
  if (aIsNumber !== bIsNumber) return aIsNumber ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
