import { expect, test } from "bun:test";
import { checkKeyLength, cleanKey } from "../../../src/service/plugin-storage-key.ts";

test.each([
  ["test.txt", "test.txt"],
  ["test//test.txt", "test/test.txt"],
  ["test/../test.txt", "test.txt"],
  ["/etc/passwd", "etc/passwd"],
  ["/../up", "up"],
  ["a/./b/", "a/b"],
  ["a/..", "."],
  ["/", "."],
  [".", "."],
  ["a\\b/../c", "c"],
  [".hidden", ".hidden"],
  ["ä 日本 😀", "ä 日本 😀"],
  ["a\u0000b\n", "a\u0000b\n"],
  ["half \ud83d", "half \ufffd"],
])("cleanKey() reads %j as %j", (key, path) => {
  expect(cleanKey(key)).toBe(path);
});

test.each(["../test.txt", "a..b", "test\\test.txt", "..", "a/../../b", "a/..b", "...", "\\"])(
  "cleanKey() refuses %j",
  (key) => {
    expect(() => cleanKey(key)).toThrow("invalid key: path traversal attempt detected");
  },
);

test("checkKeyLength() counts bytes, and takes 256 of them", () => {
  checkKeyLength("k".repeat(256));
  checkKeyLength("ä".repeat(128));
  for (const key of ["k".repeat(257), `${"ä".repeat(128)}k`])
    expect(() => checkKeyLength(key)).toThrow("key length must be less than 256 characters");
});
