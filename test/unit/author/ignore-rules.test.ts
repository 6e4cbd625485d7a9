import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseIgnoreRules } from "../../../src/service/author/ignore-rules.ts";

/** Whether a file is left out, by itself or with a folder above it, as the walk would find. */
function excludes(rules: string, file: string): boolean {
  const excluded = parseIgnoreRules(rules);
  const path = file.split("/");
  return path.some((_, index) => excluded(path.slice(0, index + 1), index < path.length - 1));
}

test("parseIgnoreRules() answers as the recorded vector (contract/plugin-package 11.9)", () => {
  const rules = "*.log\n!keep.log\nbuild/\n/foo/bar\n**/deep\n";
  for (const path of ["keep.log", "a.log", "sub/b.log", "build/x", "foo/bar/baz.txt", "sub/deep/c.txt"])
    expect([path, excludes(rules, path)]).toEqual([path, true]);
  for (const path of ["src/build", "src/build2/y", "x/foo/bar/q"])
    expect([path, excludes(rules, path)]).toEqual([path, false]);
});

test.each([
  // Without a slash any component matches, at any depth.
  ["node_modules", "a/node_modules/b.js", true],
  ["a?c", "x/abc", true],
  ["[^a]b", "ab", false],
  ["[^a]b", "cb", true],
  ["[!a]b", "!b", true],
  ["\\*.txt", "*.txt", true],
  ["\\*.txt", "a.txt", false],
  // Folders only.
  ["build/", "build", false],
  ["build/", "a/build/b", true],
  // A slash inside or in front anchors.
  ["a/b", "a/b", true],
  ["a/b", "x/a/b", false],
  ["/a", "a", true],
  ["/a", "x/a", false],
  ["a/*", "a/b/c", true],
  ["*/b", "a/b", true],
  ["*/b", "a/x/b", false],
  // Any depth, as a whole component only.
  ["a/**", "a/b/c", true],
  ["a/**/c", "a/c", true],
  ["a/**/c", "a/b/d/c", true],
  ["a/**/c", "b/a/c", false],
  ["a/x**/c", "a/xy/c", false],
  ["**/a/", "b/a", false],
  ["**/a/", "b/a/c", true],
  // Lines that are none.
  ["# *.py", "# a.py", false],
  ["   a   ", "a", true],
  ["a\r", "a", true],
  ["/", "a", false],
  ["[", "[", false],
] as const)("parseIgnoreRules() %j on %j is %p", (rule, path, expected) => {
  expect(excludes(`${rule}\n`, path)).toBe(expected);
});

test("parseIgnoreRules() ends for any rules and any path", () => {
  const component = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.array(component, { minLength: 1 }), (rules, path) => {
      expect(typeof parseIgnoreRules(rules)(path, false)).toBe("boolean");
    }),
  );
});
