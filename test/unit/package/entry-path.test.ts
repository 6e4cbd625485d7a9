import { describe, expect, test } from "bun:test";
import { array, assert, constantFrom, property, string } from "fast-check";
import { cleanEntryPath, isCleanPath } from "../../../src/package/entry-path.ts";

const reason = (name: string) => {
  const result = cleanEntryPath(name);
  return result.ok ? undefined : result.reason;
};

describe("cleanEntryPath()", () => {
  test.each([
    ["a.txt", "a.txt"],
    ["./x", "x"],
    ["a/./b//c", "a/b/c"],
    ["...", "..."],
    ["..a/b..", "..a/b.."],
    ["é/ü.txt", "é/ü.txt"],
  ])("cleans %p to %p", (name, path) => {
    expect(cleanEntryPath(name)).toEqual({ ok: true, path });
  });

  test.each([
    ["../evil.txt", "open ../evil.txt: invalid argument"],
    ["a/../b", "open a/../b: invalid argument"],
    ["a/..", "open a/..: invalid argument"],
    ["/etc/evil.txt", "open /etc/evil.txt: invalid argument"],
    ["", "open : invalid argument"],
    ["a\0b", "open a\0b: invalid argument"],
    ["a\\b.txt", "open a\\b.txt: file does not exist"],
    ["..\\b.txt", "open ..\\b.txt: file does not exist"],
    ["_assets/", "read _assets: is a directory"],
    ["a/b/.", "read a/b: is a directory"],
    [".", "read .: is a directory"],
    ["./", "read .: is a directory"],
    ["x/".repeat(512) + "y", `open ${"x/".repeat(50)}…: file name too long`],
  ])("refuses %p", (name, text) => {
    expect(reason(name)).toBe(text);
  });

  test("what it gives never leaves the folder that it is put into, and stays the same", () => {
    const part = constantFrom("a", "b.c", ".", "..", "", "\\", "é", " ", "...");
    assert(
      property(array(part, { maxLength: 6 }), string(), (parts, tail) => {
        const result = cleanEntryPath(parts.join("/") + tail);
        if (!result.ok) return;
        expect(result.path).not.toMatch(/(^|\/)\.{0,2}(\/|$)|\\|\0/);
        expect(
          new URL(`file:///root/${encodeURIComponent(result.path).replaceAll("%2F", "/")}`).pathname,
        ).toMatch(/^\/root\/./);
        expect(cleanEntryPath(result.path)).toEqual(result);
        expect(isCleanPath(result.path)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("isCleanPath()", () => {
  test("wants what cleaning would not change", () => {
    expect(isCleanPath("tools/a.yaml")).toBe(true);
    for (const path of ["./tools/a.yaml", "/tools/a.yaml", "tools//a.yaml", "../a.yaml", "tools/", ""])
      expect(isCleanPath(path)).toBe(false);
  });
});
