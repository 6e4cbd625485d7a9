import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeHex, encodeHex } from "../../../src/service/plugin-storage-hex.ts";

test("decodeHex() reads what encodeHex() writes, in upper case, too", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = encodeHex(bytes);
      expect(text).toBe(text.toLowerCase());
      expect(new Uint8Array(decodeHex(text))).toEqual(bytes);
      expect(new Uint8Array(decodeHex(text.toUpperCase()))).toEqual(bytes);
    }),
  );
});

test.each([
  ["zz", "encoding/hex: invalid byte: U+007A 'z'"],
  ["00g", "encoding/hex: invalid byte: U+0067 'g'"],
  ["0", "encoding/hex: odd length hex string"],
  ["abc", "encoding/hex: odd length hex string"],
  ["00é0", "encoding/hex: invalid byte: U+00E9 'é'"],
  ["00 0", "encoding/hex: invalid byte: U+0020 ' '"],
])("decodeHex() refuses %j", (text, message) => {
  expect(() => decodeHex(text)).toThrow(expect.objectContaining({ code: "bad_request", message }));
});
