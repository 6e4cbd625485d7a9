import { compareNumbers, compareVersions, isPreRelease, parseVersion, type Version } from "./version.ts";

/** One clause of a version specifier, such as `>=3.12` or `==1.2.*`. */
export interface Clause {
  readonly operator: Operator;
  /** As written, without the star. */
  readonly text: string;
  readonly version: Version | undefined;
  /** `==1.2.*`, `!=1.2.*`: only the numbers given are compared. */
  readonly prefix: boolean;
}

export type Operator = "==" | "!=" | "<=" | ">=" | "<" | ">" | "~=" | "===";

const CLAUSE = /^(===|==|!=|<=|>=|~=|<|>)\s*(\S+)$/;

/** A comma-separated specifier; the empty text has no clauses. Undefined where it is none (`^3.10`). */
export function parseSpecifier(text: string): readonly Clause[] | undefined {
  const clauses: Clause[] = [];
  for (const part of text.split(",").map((part) => part.trim())) {
    if (part === "") continue;
    const clause = parseClause(part);
    if (!clause) return undefined;
    clauses.push(clause);
  }
  return clauses;
}

/** Does the version satisfy every clause? Pre-releases count like any other version. */
export function satisfies(version: Version, clauses: readonly Clause[]): boolean {
  return clauses.every((clause) => satisfiesClause(version, clause));
}

function parseClause(text: string): Clause | undefined {
  const match = CLAUSE.exec(text);
  if (!match) return undefined;
  const [, operator, raw = ""] = match;
  if (!isOperator(operator)) return undefined;
  const prefix = raw.endsWith(".*");
  if (prefix && operator !== "==" && operator !== "!=") return undefined;
  const bare = prefix ? raw.slice(0, -2) : raw;
  const version = parseVersion(bare);
  if (!version && operator !== "===") return undefined;
  if (operator === "~=" && (version?.release.length ?? 0) < 2) return undefined;
  return { operator, text: bare, version, prefix };
}

function isOperator(text: string | undefined): text is Operator {
  return text !== undefined && ["==", "!=", "<=", ">=", "<", ">", "~=", "==="].includes(text);
}

function satisfiesClause(version: Version, clause: Clause): boolean {
  const { operator, version: bound } = clause;
  if (operator === "===" || !bound) return versionText(version) === clause.text.toLowerCase();
  const order = compareVersions(publicPart(version), bound);
  switch (operator) {
    case "==":
      return clause.prefix ? startsWith(version, bound) : equals(version, bound);
    case "!=":
      return !(clause.prefix ? startsWith(version, bound) : equals(version, bound));
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
    case "<":
      // `<3.1` does not mean 3.1rc1, unless it says so itself.
      return order < 0 && (isPreRelease(bound) || !isPreRelease(version) || !sameRelease(version, bound));
    case ">":
      return (
        order > 0 && (bound.post !== undefined || version.post === undefined || !sameRelease(version, bound))
      );
    case "~=":
      return (
        order >= 0 && startsWith(version, { ...bound, pre: undefined, release: bound.release.slice(0, -1) })
      );
    default:
      return operator satisfies never;
  }
}

function equals(version: Version, bound: Version): boolean {
  return compareVersions(bound.local === undefined ? publicPart(version) : version, bound) === 0;
}

function startsWith(version: Version, prefix: Version): boolean {
  const numbers = prefix.release.map((_, at) => version.release[at] ?? 0);
  if (version.epoch !== prefix.epoch || compareNumbers(numbers, prefix.release) !== 0) return false;
  return prefix.pre === undefined || (version.pre?.[0] === prefix.pre[0] && version.pre[1] === prefix.pre[1]);
}

function sameRelease(a: Version, b: Version): boolean {
  return a.epoch === b.epoch && compareNumbers(a.release, b.release) === 0;
}

function publicPart(version: Version): Version {
  return version.local === undefined ? version : { ...version, local: undefined };
}

function versionText(version: Version): string {
  const pre = version.pre ? version.pre.join("") : "";
  const post = version.post === undefined ? "" : `.post${version.post}`;
  const dev = version.dev === undefined ? "" : `.dev${version.dev}`;
  const local = version.local === undefined ? "" : `+${version.local}`;
  return `${version.epoch > 0 ? `${version.epoch}!` : ""}${version.release.join(".")}${pre}${post}${dev}${local}`;
}
