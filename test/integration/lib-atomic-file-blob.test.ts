import { expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../../src/lib/atomic-file.ts";

test("writeFileAtomic() copies what lies in a file, and leaves nothing beside it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plugd-atomic-"));
  try {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
    await writeFile(join(folder, "source"), bytes);
    await writeFile(join(folder, "target"), "old, and to be replaced");
    await writeFileAtomic(join(folder, "target"), Bun.file(join(folder, "source")));
    expect(bytes.equals(await readFile(join(folder, "target")))).toBe(true);
    expect((await readdir(folder)).toSorted()).toEqual(["source", "target"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
