import { expect, test } from "bun:test";
import { openArchive } from "../../../src/package/open-archive.ts";
import { packZip } from "../../support/pack.ts";
import { rejection } from "../../support/rejection.ts";

const LIMIT = { maxUncompressedBytes: 1_000_000 };

test("openArchive() reads entries of a blob in any order, one at a time", async () => {
  const entries = [
    { name: "stored", data: "as it is", method: 0 },
    { name: "packed", data: "x".repeat(5_000) },
  ];
  const blob = new Blob([Buffer.from(packZip(entries, { comment: "note" }))]);
  const archive = await openArchive(blob, LIMIT);
  expect(Buffer.from(archive.comment).toString()).toBe("note");
  for (const at of [1, 0, 1]) {
    expect(archive.entries[at]).toMatchObject({
      path: entries[at]?.name,
      uncompressedBytes: entries[at]?.data.length,
    });
    expect(Buffer.from((await archive.entries[at]?.read()) ?? "").toString()).toBe(entries[at]?.data ?? "");
  }
});

test("openArchive() inflates nothing by itself, so that one broken entry leaves the others readable", async () => {
  const bytes = packZip([
    { name: "broken", data: "x", crc: 1 },
    { name: "fine", data: "y" },
  ]);
  const [broken, fine] = (await openArchive(bytes, LIMIT)).entries;
  expect(Buffer.from((await fine?.read()) ?? "").toString()).toBe("y");
  expect(await rejection(broken?.read() ?? Promise.resolve())).toMatchObject({ code: "bad_request" });
});

test("openArchive() names the format in its refusals", async () => {
  expect(await rejection(openArchive(Buffer.from("no zip"), { ...LIMIT, format: "difybndl" }))).toMatchObject(
    {
      code: "bad_request",
      message: "difybndl: not a valid difybndl file",
    },
  );
});

test("openArchive() refuses entries that share their data, which would multiply what is unpacked", async () => {
  const names = Array.from({ length: 20 }, (_, at) => `entry${at}`);
  const bytes = Buffer.from(packZip(names.map((name) => ({ name, data: "z".repeat(1000), method: 0 }))));
  // All entries of the directory point at the first one; its data alone is kept.
  const first = bytes.subarray(0, 30 + 6 + 1000);
  const directoryAt = bytes.indexOf(Buffer.from("PK\u0001\u0002"));
  const directory = Buffer.from(bytes.subarray(directoryAt));
  for (let at = 0; (at = directory.indexOf("PK\u0001\u0002", at)) >= 0; at += 46)
    directory.writeUInt32LE(0, at + 42);
  directory.writeUInt32LE(first.length, directory.length - 6);
  expect(await rejection(openArchive(Buffer.concat([first, directory]), LIMIT))).toMatchObject({
    code: "bad_request",
    message: "difypkg: entries share their data",
  });
});
