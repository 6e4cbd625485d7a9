import { describe, expect, test } from "bun:test";
import { matchGlob } from "../../../src/package/declaration/glob.ts";

describe("matchGlob()", () => {
  test.each([
    ["models/llm/*.yaml", "models/llm/a.yaml"],
    ["models/*/*.yaml", "models/llm/a.yaml"],
    ["**/a.yaml", "x/a.yaml"],
    ["*", ""],
    ["*", "abc"],
    ["a*b*c", "aXbYbZc"],
    ["a?c", "abc"],
    ["a?c", "a😀c"],
    ["[a-c]x", "bx"],
    ["[^a-c]x", "dx"],
    ["[\\]]", "]"],
    ["\\*", "*"],
    ["", ""],
    ["models/llm/*", "models/llm/_position.yaml"],
  ])("%p matches %p", (pattern, path) => {
    expect(matchGlob(pattern, path)).toBe(true);
  });

  test.each([
    ["models/llm/*.yaml", "models/llm/x/a.yaml"],
    ["models/**/*.yaml", "models/a/b/c.yaml"],
    ["./models/*.yaml", "models/a.yaml"],
    ["*.yaml", "models/a.yaml"],
    ["a?b", "a/b"],
    ["[^x]", "/"],
    ["*a", "b"],
    ["a*", "b"],
    ["a", "ab"],
    ["ab", "a"],
    ["[a-c]x", "dx"],
    ["{a,b}", "a"],
  ])("%p does not match %p", (pattern, path) => {
    expect(matchGlob(pattern, path)).toBe(false);
  });

  test.each(["[", "[a", "[]", "[-a]", "[a-]", "\\", "a[b\\"])("%p is malformed", (pattern) => {
    expect(matchGlob(pattern, "a")).toBeUndefined();
  });

  test("many stars take no longer than a few", () => {
    expect(matchGlob(`${"a*".repeat(200)}b`, "a".repeat(5_000))).toBe(false);
  });
});
