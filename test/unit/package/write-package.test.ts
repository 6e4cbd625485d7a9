import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readArchive } from "../../../src/package/archive.ts";
import { checksumOf } from "../../../src/package/checksum.ts";
import { writePackage } from "../../../src/package/write-package.ts";
import { packZip } from "../../support/pack.ts";

const NO_LIMIT = { maxUncompressedBytes: Number.MAX_SAFE_INTEGER };
const file = (path: string, text: string) => ({ path, bytes: new TextEncoder().encode(text) });

test("writePackage() writes the byte form of the reference's packager", async () => {
  const files = [file("a.txt", "A\n"), file("b/é.txt", "B".repeat(1000))];
  const expected = packZip(
    files.map(({ path, bytes }) => ({ name: path, data: bytes })),
    { descriptors: true, comment: "signed" },
  );
  expect(Buffer.from(await writePackage(files, { comment: "signed" })).toString("hex")).toBe(
    Buffer.from(expected).toString("hex"),
  );
});

test("writePackage() gives what the reader reads, in the same order and with the same checksum", async () => {
  const path = fc.stringMatching(/^[a-zé日]{1,8}(\/[a-z]{1,8}){0,2}\.x$/);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.record({ path, bytes: fc.uint8Array({ maxLength: 5000 }) }), {
        selector: (entry) => entry.path,
      }),
      fc.string({ maxLength: 20 }),
      async (files, comment) => {
        // A path below another file is refused by readers, and no folder has one.
        fc.pre(!files.some((one) => files.some((other) => other.path.startsWith(`${one.path}/`))));
        const archive = await readArchive(await writePackage(files, { comment }), NO_LIMIT);
        expect(archive.entries.map((entry) => entry.path)).toEqual(files.map((entry) => entry.path));
        expect(checksumOf(archive.files)).toBe(checksumOf(files));
        expect(new TextDecoder().decode(archive.comment)).toBe(
          new TextDecoder().decode(Buffer.from(comment)),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test("writePackage() refuses a comment that no zip can have", async () => {
  await expect(writePackage([], { comment: "x".repeat(65_536) })).rejects.toThrow(
    "Cannot write an archive with a comment of 65536 bytes: the limit is 65535",
  );
});
