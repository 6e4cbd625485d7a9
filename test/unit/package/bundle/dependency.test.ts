import { expect, test } from "bun:test";
import {
  isBundleVersion,
  isGithubPattern,
  isMarketplacePattern,
  splitGithubPattern,
  splitMarketplacePattern,
} from "../../../../src/package/bundle/dependency.ts";

const VERSIONS = [
  "1.0.0",
  "~1.0.0",
  "^0.0.1",
  "1.0.0-beta",
  "1.x.X",
  "x.x.x",
  "1.0.0-2.0.0",
  "1.0.0-a-2.0.0-b",
];
const NO_VERSIONS = [
  "",
  "1.0",
  "1.0.0.0",
  ">1.0.0",
  "~1.x.x",
  "v1.0.0",
  "12345.0.0",
  "1.0.0-beta.1",
  "1.0.0-",
];

test.each(VERSIONS)("patterns take version %p", (version) => {
  expect(isGithubPattern(`owner/repo:${version}/a.difypkg`)).toBe(true);
  expect(isMarketplacePattern(`org/plugin:${version}`)).toBe(true);
});

test.each(NO_VERSIONS)("patterns refuse version %p", (version) => {
  expect(isGithubPattern(`owner/repo:${version}/a.difypkg`)).toBe(false);
  expect(isMarketplacePattern(`org/plugin:${version}`)).toBe(false);
});

test("patterns refuse other names and other parts", () => {
  const long = "n".repeat(129);
  for (const pattern of [
    "Owner/repo:1.0.0/a",
    "repo:1.0.0/a",
    `o/${long}:1.0.0/a`,
    `${"o".repeat(65)}/r:1.0.0/a`,
    "o/r:1.0.0/",
    "o/r:1.0.0/a/b",
    "o/r:1.0.0/a\n",
  ])
    expect([pattern, isGithubPattern(pattern)]).toEqual([pattern, false]);
  for (const pattern of ["o/p:1.0.0/a", "p:1.0.0", "o/P:1.0.0", "o/p:1.0.0\n", `o/${long}:1.0.0`])
    expect([pattern, isMarketplacePattern(pattern)]).toEqual([pattern, false]);
});

test("isBundleVersion() takes three numbers and one suffix", () => {
  for (const version of ["1.0.0", "01.0.0", "1.0.0-beta", `1.0.0-${"x".repeat(16)}`])
    expect([version, isBundleVersion(version)]).toEqual([version, true]);
  for (const version of [
    "1.0",
    "1.0.0.0",
    "1.0.0-beta.1",
    "v1.0.0",
    "10000.0.0",
    `1.0.0-${"x".repeat(17)}`,
    "1.0.0\n",
  ])
    expect([version, isBundleVersion(version)]).toEqual([version, false]);
});

test("splitGithubPattern() and splitMarketplacePattern() look at the separators only", () => {
  expect(splitGithubPattern("Any/Thing:latest/file name.difypkg")).toEqual({
    repo: "Any/Thing",
    release: "latest",
    asset: "file name.difypkg",
  });
  expect(splitMarketplacePattern("Any/Thing:*")).toEqual({
    organization: "Any",
    plugin: "Thing",
    version: "*",
  });
  for (const pattern of ["", "a", "a/b", "a/b:c", "a:b/c", "a/b:c/d/e", "a/b:c:d/e", "/b:c/d", "a/b:/d"])
    expect([pattern, splitGithubPattern(pattern)]).toEqual([pattern, undefined]);
  for (const pattern of ["", "a/b", "a:b", "a/b:c/d", "a/b/c:d", "a/b:", "/b:c"])
    expect([pattern, splitMarketplacePattern(pattern)]).toEqual([pattern, undefined]);
});
