import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PackageFile } from "../../src/package/package.ts";
import { createWorkingFolders } from "../../src/runtime/local/working-folder.ts";
import { identify, temporaryFolder } from "./python-env-support.ts";

let root: string;
beforeAll(() => {
  root = temporaryFolder();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ID = identify("folder");
const file = (path: string, text = path): PackageFile => ({ path, bytes: new TextEncoder().encode(text) });
const FILES = [file("main.py"), file("a/b/c.txt"), file("empty", "")];

function fresh() {
  const path = join(root, crypto.randomUUID());
  return {
    path,
    folders: createWorkingFolders(path),
    target: join(path, "plugd-test", `folder-0.0.1@${ID.checksum}`),
  };
}

/** All below a folder, without what the daemon notes. */
function tree(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith(".plugd"))
    .toSorted();
}

describe("WorkingFolders.ensure()", () => {
  test("unpacks below author/name-version@checksum with plain modes", async () => {
    const { folders, target } = fresh();
    expect(await folders.ensure(ID, async () => FILES)).toBe(target);
    expect(tree(target)).toEqual(["a", "a/b", "a/b/c.txt", "empty", "main.py"]);
    expect(readFileSync(join(target, "a/b/c.txt"), "utf8")).toBe("a/b/c.txt");
    expect(statSync(join(target, "main.py")).mode & 0o777).toBe(0o644);
    expect(statSync(join(target, "a/b")).mode & 0o777).toBe(0o755);
  });

  test("does not load a package whose folder is complete", async () => {
    const { folders, path } = fresh();
    await folders.ensure(ID, async () => FILES);
    await createWorkingFolders(path).ensure(ID, () => Promise.reject(new Error("must not be loaded")));
  });

  test("replaces a folder that is not complete", async () => {
    const { folders, target } = fresh();
    mkdirSync(join(target, ".venv"), { recursive: true });
    writeFileSync(join(target, "main.py"), "half");
    await folders.ensure(ID, async () => FILES);
    expect(tree(target)).toEqual(["a", "a/b", "a/b/c.txt", "empty", "main.py"]);
    expect(readFileSync(join(target, "main.py"), "utf8")).toBe("main.py");
  });

  test("leaves nothing of what was being unpacked when the daemon was killed", async () => {
    const { folders, path } = fresh();
    mkdirSync(join(path, ".plugd/left-over"), { recursive: true });
    await folders.ensure(ID, async () => FILES);
    expect(readdirSync(join(path, ".plugd"))).toEqual([]);
  });

  for (const name of ["../x", "a/../../x", "/etc/x", "a\\b", "", "a\0b", "."])
    test(`refuses an entry called ${JSON.stringify(name)}, and leaves nothing`, async () => {
      const { folders, path, target } = fresh();
      const attempt = folders.ensure(ID, async () => [...FILES, file(name)]);
      expect(await attempt.catch((error: unknown) => error)).toMatchObject({ code: "bad_request" });
      expect(existsSync(target)).toBe(false);
      expect(readdirSync(join(path, ".plugd"))).toEqual([]);
    });

  test("does not let a package bring notes of the daemon", async () => {
    const { folders, target } = fresh();
    await folders.ensure(ID, async () => [...FILES, file(".plugd/environment.json", "{}")]);
    expect(readdirSync(join(target, ".plugd"))).toEqual(["complete.json"]);
  });

  test("names the folder and what to do when the disk is full, and leaves nothing", async () => {
    const mount = join(root, "small");
    mkdirSync(mount);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]).exitCode === 0;
    // Only root may mount; the rest of the behaviour is tested above.
    if (!mounted) return;
    try {
      const folders = createWorkingFolders(mount);
      const large = { path: "large.bin", bytes: new Uint8Array(1024 * 1024) };
      const error: unknown = await folders
        .ensure(ID, async () => [...FILES, large])
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "unavailable", hint: expect.stringContaining("disk is full") });
      expect(String(error)).toContain(`Cannot unpack plugin "${ID.text}" in "${mount}/plugd-test/`);
      expect(readdirSync(mount)).toEqual([".plugd"]);
      expect(readdirSync(join(mount, ".plugd"))).toEqual([]);
    } finally {
      Bun.spawnSync(["umount", mount]);
    }
  });
});

test("WorkingFolders.remove() removes the folder and an author without plugins", async () => {
  const { folders, path } = fresh();
  const other = identify("other");
  await folders.ensure(ID, async () => FILES);
  await folders.ensure(other, async () => FILES);
  await folders.remove(ID);
  expect(await folders.list()).toEqual([folders.pathOf(other)]);
  await folders.remove(other);
  await folders.remove(other);
  expect(readdirSync(path)).toEqual([".plugd"]);
});

test("WorkingFolders.remove() leaves nothing of what a killed daemon was unpacking or removing", async () => {
  const { folders, path } = fresh();
  mkdirSync(join(path, ".plugd", "cut"), { recursive: true });
  writeFileSync(join(path, ".plugd", "cut", "main.py"), "half");
  await folders.remove(ID);
  expect(readdirSync(join(path, ".plugd"))).toEqual([]);
});

test("WorkingFolders.list() leaves out what is not complete", async () => {
  const { folders, path } = fresh();
  await folders.ensure(ID, async () => FILES);
  mkdirSync(join(path, "plugd-test/by-hand-1.0.0@00"), { recursive: true });
  expect(await folders.list()).toEqual([folders.pathOf(ID)]);
});
