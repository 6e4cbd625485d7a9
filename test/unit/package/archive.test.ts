import { describe, expect, test } from "bun:test";
import { readArchive } from "../../../src/package/archive.ts";
import { packZip, textEntries, type ZipEntry, type ZipOptions } from "../../support/pack.ts";
import { rejection } from "../../support/rejection.ts";

const LIMIT = { maxUncompressedBytes: 1_000_000 };
const OK: ZipEntry = { name: "ok.txt", data: "fine" };

const read = (entries: readonly ZipEntry[], options?: ZipOptions) =>
  readArchive(packZip(entries, options), LIMIT);
const texts = (files: readonly { path: string; bytes: Uint8Array }[]) =>
  files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]);

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const error = await rejection(promise);
  expect(error).toMatchObject({ name: "DaemonError", code: "bad_request" });
  return error instanceof Error ? error.message : undefined;
}

describe("readArchive()", () => {
  const mixed = [
    { name: "stored.txt", data: "as it is", method: 0 },
    { name: "deep/er/packed.txt", data: "x".repeat(5_000) },
    { name: "empty.txt", data: "" },
    { name: "ünï.txt", data: "ü" },
  ];

  test.each([
    ["plain", {}],
    ["zip64", { zip64: true }],
    ["data descriptors and a zero date", { descriptors: true }],
  ] as const)("reads stored and deflated files in archive order: %s", async (_, options) => {
    const archive = await read(mixed, { ...options, comment: "a comment" });
    expect(texts(archive.files)).toEqual(mixed.map(({ name, data }) => [name, data]));
    expect(Buffer.from(archive.comment).toString()).toBe("a comment");
  });

  test("reads large files, which are inflated elsewhere", async () => {
    const data = "0123456789".repeat(90_000);
    expect(texts((await read([{ name: "large", data }])).files)).toEqual([["large", data]]);
  });

  test("an empty zip has no files", async () => {
    expect((await read([])).files).toEqual([]);
  });

  test("a regular file may carry its unix mode", async () => {
    expect(texts((await read([{ ...OK, mode: 0o100755 }])).files)).toEqual([["ok.txt", "fine"]]);
  });

  test("of two entries with a name the first counts, and both are listed", async () => {
    const archive = await read([OK, { name: "./ok.txt", data: "second" }, { name: "z", data: "z" }]);
    expect(texts(archive.files)).toEqual([
      ["ok.txt", "fine"],
      ["z", "z"],
    ]);
    expect(texts(archive.entries)).toEqual([
      ["ok.txt", "fine"],
      ["ok.txt", "fine"],
      ["z", "z"],
    ]);
  });

  test.each([
    ["text", Buffer.from("this is not a zip file\n")],
    ["nothing", new Uint8Array()],
    ["a half", packZip(textEntries({ a: "1".repeat(100), b: "2" })).subarray(0, 60)],
    ["a zip without its end", packZip([OK]).subarray(0, -10)],
    ["a directory with a broken record", corrupt(packZip([OK]), -74, 0)],
  ])("refuses %s", async (_, bytes) => {
    expect(await refusal(readArchive(bytes, LIMIT))).toBe("difypkg: not a valid difypkg file");
  });

  test.each([
    ["a folder", { name: "_assets/" }, "read _assets: is a directory"],
    ["a folder by its mode", { name: "folder", mode: 0o040755 }, "read folder: is a directory"],
    ["a climbing name", { name: "../evil.txt" }, "open ../evil.txt: invalid argument"],
    ["a name that climbs inside", { name: "a/../../b" }, "open a/../../b: invalid argument"],
    ["an absolute name", { name: "/etc/passwd" }, "open /etc/passwd: invalid argument"],
    ["a backslash", { name: "a\\b.txt" }, "open a\\b.txt: file does not exist"],
    [
      "a symbolic link",
      { name: "link", data: "/etc/passwd", mode: 0o120777 },
      "open link: links and special files are not allowed in a package",
    ],
    [
      "a device",
      { name: "null", mode: 0o020666 },
      "open null: links and special files are not allowed in a package",
    ],
    [
      "an encrypted file",
      { name: "secret", data: "x", flags: 1 },
      "open secret: encrypted files are not allowed in a package",
    ],
    [
      "an unknown method",
      { name: "odd", data: "x", method: 12 },
      "open odd: difypkg: unsupported compression algorithm",
    ],
    ["a file below a file", { name: "ok.txt/below" }, "open ok.txt/below: ok.txt is a file"],
    ["a wrong checksum", { name: "bad", data: "x", crc: 1 }, "difypkg: cannot read bad: checksum error"],
    [
      "more than is declared",
      { name: "liar", data: "0".repeat(100_000), size: 100 },
      "difypkg: cannot read liar: its data is broken or longer than it declares",
    ],
    [
      "less than is declared",
      { name: "liar", data: "0", size: 100 },
      "difypkg: cannot read liar: it has 1 bytes, not the 100 that it declares",
    ],
    [
      "more than is declared, stored",
      { name: "liar", data: "0".repeat(200), size: 100, method: 0 },
      "difypkg: cannot read liar: it has 200 bytes, not the 100 that it declares",
    ],
  ] as const)("refuses %s", async (_, entry, message) => {
    expect(await refusal(read([OK, entry]))).toBe(message);
  });

  test("refuses a name that is no UTF-8", async () => {
    const name = new Uint8Array([0x61, 0xff, 0x62]);
    expect(await refusal(read([OK, { name, data: "x" }]))).toMatch(/^open a.*b: invalid argument$/);
  });

  test("refuses broken deflate data", async () => {
    const bytes = packZip([{ name: "a", data: "some text that is deflated" }]);
    bytes.fill(0xff, 31, 40);
    expect(await refusal(readArchive(bytes, LIMIT))).toBe(
      "difypkg: cannot read a: its data is broken or longer than it declares",
    );
  });

  test("refuses a bomb by its declared sizes, before it inflates anything", async () => {
    const bomb = { name: "zeros.bin", data: Buffer.alloc(2_000_000) };
    // The first entry is broken: had it been read, that would have been the error.
    expect(await refusal(read([{ ...OK, crc: 1 }, bomb]))).toBe(
      "plugin package size is too large, please ensure the uncompressed size is less than 1000000 bytes",
    );
  });

  test("the sum of sizes counts, up to the limit itself", async () => {
    const half = (name: string) => ({ name, data: Buffer.alloc(500_000) });
    expect((await read([half("a"), half("b")])).files).toHaveLength(2);
    expect(await refusal(read([half("a"), half("b"), { name: "c", data: "x" }]))).toMatch(/too large/);
  });

  test("refuses more entries than any package has", async () => {
    const many = Array.from({ length: 50_001 }, (_, at) => ({ name: String(at), data: "", method: 0 }));
    expect(await refusal(read(many))).toBe("difypkg: a package may have 50000 files at most");
  });

  test("a liar of megabytes costs no more than it declares", async () => {
    const data = Buffer.alloc(64_000_000);
    expect(await refusal(read([{ name: "zeros", data, size: 900_000 }]))).toBe(
      "difypkg: cannot read zeros: its data is broken or longer than it declares",
    );
  });

  test("gives way to the event loop between many files", async () => {
    const bytes = packZip(Array.from({ length: 3_000 }, (_, at) => ({ name: `f${at}`, data: `text ${at}` })));
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await readArchive(bytes, LIMIT);
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

/** A copy with one byte changed, counted from the end. */
function corrupt(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[copy.length + at] = value;
  return copy;
}
