import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { assert, property, string, uint8Array, uniqueArray, record } from "fast-check";
import { assetId, checksumOf } from "../../../src/package/checksum.ts";
import type { PackageFile } from "../../../src/package/package.ts";

const file = (path: string, text: string): PackageFile => ({ path, bytes: new TextEncoder().encode(text) });
const FILES = [file("a.txt", "A\n"), file("b.txt", "B"), file("b/c.txt", "")];

describe("checksumOf()", () => {
  // contract/plugin-package 11, vector 1
  test("hashes paths and contents in the byte order of whole paths", () => {
    const expected = "447ddc83b945ac1145b2d046d28a51d6a0f6715c582108f8115bdf4849e80f6f";
    expect(checksumOf(FILES)).toBe(expected);
    expect(checksumOf(FILES.toReversed())).toBe(expected);
  });

  test("counts the verification file, which sorts first", () => {
    const verification = file(".verification.dify.json", '{"authorized_category":"community"}');
    expect(checksumOf([...FILES, verification])).toBe(
      "a970e9fb3f0e07caaf53f757acd84ebd62777112f3675f157b70cd5724816f58",
    );
  });

  test("does not change the order of what it is given", () => {
    const files = FILES.toReversed();
    checksumOf(files);
    expect(files.map(({ path }) => path)).toEqual(["b/c.txt", "b.txt", "a.txt"]);
  });

  test("is the same in any order, and sorts by UTF-8 bytes, not by UTF-16 units", () => {
    const files = uniqueArray(
      record({ path: string({ unit: "binary" }), bytes: uint8Array({ maxLength: 8 }) }),
      {
        selector: ({ path }) => Buffer.from(path).toString("hex"),
        maxLength: 12,
      },
    );
    assert(
      property(files, (list) => {
        const byBytes = list.map(({ path, bytes }) => ({ hex: Buffer.from(path).toString("hex"), bytes }));
        byBytes.sort((a, b) => (a.hex < b.hex ? -1 : 1));
        const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
        const parts = byBytes.flatMap(({ hex, bytes }) => [sha(Buffer.from(hex, "hex")), sha(bytes)]);
        const expected = sha(Buffer.concat(parts)).toString("hex");
        expect(checksumOf(list)).toBe(expected);
        expect(checksumOf(list.toReversed())).toBe(expected);
      }),
    );
  });
});

describe("assetId()", () => {
  // contract/plugin-package 11, vector 3
  test.each([
    ["icon.svg", "21acddfae829fa1f96934f4c3e956931144de514f302edb95e8323e6c84d844b.svg"],
    ["sub/icon.svg", "2a050daa20fac4e1048d8adc5496f5c1df038e3b51ebbe3271edea1f49318b68.svg"],
  ])("hashes content and name of %p", (name, id) => {
    expect(assetId(new TextEncoder().encode("<svg/>"), name)).toBe(id);
  });

  test("takes the extension from the last dot of the last component", () => {
    const extension = (name: string) => assetId(new Uint8Array(), name).slice(64);
    expect(extension("a.tar.gz")).toBe(".gz");
    expect(extension("folder.d/icon")).toBe("");
    expect(extension(".svg")).toBe(".svg");
    expect(extension("icon.")).toBe(".");
  });
});
