import { matchGlob } from "../../package/declaration/glob.ts";

/** True for what does not go into a package. `path` is relative to the plugin's folder, one entry per component. */
export type IgnoreRules = (path: readonly string[], isFolder: boolean) => boolean;

interface Rule {
  readonly components: readonly string[];
  /** Has an inner or leading slash, and so counts from the plugin's folder. */
  readonly anchored: boolean;
  readonly foldersOnly: boolean;
}

const ANY_DEPTH = "**";

/**
 * The rules of a `.difyignore` (contract/plugin-package 1.4). They look like git's and differ from them: a line that
 * starts with `!` does nothing at all, and a component that only contains `**` never matches.
 */
export function parseIgnoreRules(text: string): IgnoreRules {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    // Negations are left out: they never bring back what another line excluded.
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("!"))
    .map(parseRule);
  return (path, isFolder) =>
    rules.some((rule) =>
      rule.anchored ? matchesPath(rule, path, isFolder) : matchesName(rule, path, isFolder),
    );
}

function parseRule(line: string): Rule {
  const foldersOnly = line.endsWith("/");
  const pattern = foldersOnly ? line.slice(0, -1) : line;
  return { components: pattern.split("/"), anchored: pattern.includes("/"), foldersOnly };
}

/** Any component may match; what lies in a folder that does is excluded with it. */
function matchesName({ components, foldersOnly }: Rule, path: readonly string[], isFolder: boolean): boolean {
  const [pattern = ""] = components;
  const at = path.findIndex((name) => matchGlob(pattern, name) === true);
  if (at < 0) return false;
  return !foldersOnly || isFolder || at < path.length - 1;
}

/** The components in order, from the start; what is left of the path lies below the match. */
function matchesPath({ components, foldersOnly }: Rule, path: readonly string[], isFolder: boolean): boolean {
  let at = 0;
  let matched = false;
  let anyDepth = false;
  for (const [index, pattern] of components.entries()) {
    if (pattern === "") {
      anyDepth = false;
      continue;
    }
    if (pattern === ANY_DEPTH) {
      if (index === components.length - 1) break;
      anyDepth = true;
      continue;
    }
    if (pattern.includes(ANY_DEPTH)) return false;
    const found = anyDepth
      ? path.findIndex((name, place) => place >= at && matchGlob(pattern, name) === true)
      : at < path.length && matchGlob(pattern, path[at] ?? "") === true
        ? at
        : -1;
    if (found < 0) return false;
    anyDepth = false;
    matched = true;
    at = found + 1;
  }
  return matched && (!foldersOnly || isFolder || at < path.length);
}
