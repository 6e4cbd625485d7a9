import { describe, expect, test } from "bun:test";
import { assert, constantFrom, integer, property, tuple } from "fast-check";
import { parseSpecifier, satisfies } from "../../../src/runtime/local/python/specifier.ts";
import { compareVersions, isPreRelease, parseVersion } from "../../../src/runtime/local/python/version.ts";

const version = (text: string) => parseVersion(text)!;

/** In the order of PEP 440. */
const ORDERED = [
  "1.dev0",
  "1.0.dev456",
  "1.0a1",
  "1.0a2.dev456",
  "1.0a12.dev456",
  "1.0a12",
  "1.0b1.dev456",
  "1.0b2",
  "1.0b2.post345.dev456",
  "1.0b2.post345",
  "1.0rc1.dev456",
  "1.0rc1",
  "1.0",
  "1.0+abc.5",
  "1.0+abc.7",
  "1.0+5",
  "1.0.post456.dev34",
  "1.0.post456",
  "1.0.15",
  "1.1.dev1",
  "1!0.1",
];

describe("parseVersion()", () => {
  test("reads other spellings as the same version", () => {
    for (const [a, b] of [
      ["1.0", "1.0.0"],
      ["v1.0", "1"],
      ["1.0-alpha.1", "1.0a1"],
      ["1.0c1", "1.0rc1"],
      ["1.0-1", "1.0.post1"],
      ["1.0.rev3", "1.0.post3"],
      ["1.0A", "1a0"],
      ["0!1.0", "1.0"],
      ["1.0+Ubuntu-1", "1.0+ubuntu.1"],
    ] as const)
      expect([a, b, compareVersions(version(a), version(b))]).toEqual([a, b, 0]);
  });

  test("refuses what is no version", () => {
    for (const text of ["", "1.x", "latest", "1..2", "^3.10", "1.0 beta"])
      expect(parseVersion(text)).toBeUndefined();
  });
});

describe("compareVersions()", () => {
  test("keeps the order of PEP 440", () => {
    for (const [at, text] of ORDERED.entries())
      for (const [other, otherText] of ORDERED.entries()) {
        const order = Math.sign(compareVersions(version(text), version(otherText)));
        expect([text, otherText, order]).toEqual([text, otherText, Math.sign(at - other)]);
      }
  });

  test("is antisymmetric", () => {
    const part = integer({ min: 0, max: 20 });
    const suffix = constantFrom("", "a1", "b70", "b7", "rc2", ".post1", ".dev3", "+x");
    const text = tuple(part, part, part, suffix).map(([a, b, c, tail]) => `${a}.${b}.${c}${tail}`);
    assert(
      property(text, text, (a, b) => {
        const [there, back] = [
          compareVersions(version(a), version(b)),
          compareVersions(version(b), version(a)),
        ];
        expect(Math.sign(there) + Math.sign(back)).toBe(0);
      }),
    );
  });
});

test("isPreRelease() knows alphas, betas, candidates and development versions", () => {
  expect(["1a1", "1rc1", "1.dev1", "1.post1.dev1"].every((text) => isPreRelease(version(text)))).toBe(true);
  expect(["1", "1.post1", "1+dev"].some((text) => isPreRelease(version(text)))).toBe(false);
});

describe("satisfies()", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["3.12.1", ">=3.12", true],
    ["3.11.9", ">=3.12", false],
    ["3.13.0", ">=3.11,<3.13", false],
    ["3.12.99", "~=3.12.0", true],
    ["3.13.0", "~=3.12.0", false],
    ["3.13.0", "~=3.12", true],
    ["4.0", "~=3.12", false],
    ["3.12.1", "==3.12.*", true],
    ["3.13.1", "==3.12.*", false],
    ["3.12.1", "!=3.12.*", false],
    ["3.12.1", "!=3.12.0", true],
    ["3.12.0", "!=3.12.0", false],
    ["3.12", "==3.12.0", true],
    ["1.0+local", "==1.0", true],
    ["1.0+local", "==1.0+other", false],
    ["0.0.1b77", "~=0.0.1b70", true],
    ["0.0.1b7", "~=0.0.1b70", false],
    ["0.0.2", "~=0.0.1b70", true],
    ["3.1rc1", "<3.1", false],
    ["3.1rc1", "<3.1rc2", true],
    ["3.0", "<3.1", true],
    ["1.0.post1", ">1.0", false],
    ["1.0.1", ">1.0", true],
    ["1.0", "===1.0", true],
    ["3.12.1", "", true],
    ["3.12.1", " >= 3.10 , < 4 ", true],
  ];
  for (const [text, specifier, expected] of cases)
    test(`${text} ${expected ? "satisfies" : "does not satisfy"} "${specifier}"`, () => {
      expect(satisfies(version(text), parseSpecifier(specifier)!)).toBe(expected);
    });

  test("is never asked about what is no specifier", () => {
    for (const text of ["^3.10", "3.12", ">=", "~=3", ">=3.*"]) expect(parseSpecifier(text)).toBeUndefined();
  });
});
