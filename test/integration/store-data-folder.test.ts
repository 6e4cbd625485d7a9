import { afterAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "../../src/store/data-folder.ts";
import { rejection } from "../support/rejection.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";

const root = await mkdtemp(join(tmpdir(), "plugd-folder-"));
const source = JSON.stringify(join(import.meta.dir, "../../src/store/data-folder.ts"));
const isRoot = process.getuid?.() === 0;
afterAll(() => rm(root, { recursive: true, force: true }));

/** Another process that holds the folder until it is killed; `more` runs after it was opened. */
async function holder(path: string, more = "") {
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openDataFolder } from ${source};
       await openDataFolder(${JSON.stringify(path)});
       let line = "held";
       ${more}
       console.log(line);
       setInterval(() => {}, 60_000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const line = await firstLine(child.stdout);
  return {
    pid: child.pid,
    line,
    exited: child.exited,
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return text.trim();
}

test("openDataFolder() makes the folder and its parents for this user alone", async () => {
  const path = join(root, "deep/new");
  const folder = await openDataFolder(path);
  expect(folder.path).toBe(path);
  expect(folder.databasePath).toBe(join(path, "plugd.db"));
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await readFile(join(path, "plugd.pid"), "utf8")).toBe(`${process.pid}\n${hostname()}\n`);
  await folder.close();
  expect(await readdir(path)).toEqual(["plugd.lock"]);
});

test("openDataFolder() takes a folder that exists as it is", async () => {
  const path = join(root, "existing");
  await mkdir(path, { mode: 0o755 });
  await writeFile(join(path, "note"), "kept");
  const folder = await openDataFolder(path);
  await folder.close();
  expect(await readFile(join(path, "note"), "utf8")).toBe("kept");
  expect((await stat(path)).mode & 0o777).toBe(0o755);
});

test("openDataFolder() of the same folder in the same process is refused, until it is closed", async () => {
  const path = join(root, "same");
  const folder = await openDataFolder(path);
  await symlink(path, join(root, "same-by-link"));
  for (const name of [path, `${path}/`, join(root, "same-by-link")])
    expect(await rejection(openDataFolder(name))).toMatchObject({
      code: "startup",
      message: expect.stringContaining("this process uses it already"),
      hint: expect.stringContaining("folder of its own"),
    });
  // The refusals must not have cost the first one its lock.
  const other = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openDataFolder } from ${source};
       await openDataFolder(${JSON.stringify(path)}).then(() => console.log("open"), (e) => console.log(e.message));`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  expect(await firstLine(other.stdout)).toBe(
    `Cannot use data folder "${path}": the plugd with process id ${process.pid} uses it already`,
  );
  await other.exited;
  await folder.close();
  await folder.close();
  const again = await openDataFolder(path);
  await folder.close();
  expect(await rejection(openDataFolder(path))).toMatchObject({ code: "startup" });
  await again.close();
});

test("openDataFolder() of two folders in one process works", async () => {
  const folders = await Promise.all([openDataFolder(join(root, "one")), openDataFolder(join(root, "two"))]);
  for (const folder of folders) await folder.close();
});

test("openDataFolder() names the process that holds the folder, and gets it when that one is killed", async () => {
  const path = join(root, "held");
  const other = await holder(path);
  try {
    expect(await rejection(openDataFolder(path))).toMatchObject({
      code: "startup",
      message: `Cannot use data folder "${path}": the plugd with process id ${other.pid} uses it already`,
      hint: expect.stringContaining(`kill ${other.pid}`),
    });
  } finally {
    await other.kill();
  }
  const folder = await openDataFolder(path);
  expect(await readFile(join(path, "plugd.pid"), "utf8")).toStartWith(`${process.pid}\n`);
  await folder.close();
});

test("openDataFolder() is not blocked by children that outlive a killed process", async () => {
  const path = join(root, "orphan");
  const other = await holder(
    path,
    `const child = Bun.spawn(["sleep", "60"], { detached: true, stdio: ["ignore", "ignore", "ignore"] });
     line = String(child.pid);`,
  );
  await other.kill();
  const orphan = Number(other.line);
  try {
    expect(() => process.kill(orphan, 0)).not.toThrow();
    const folder = await openDataFolder(path);
    await folder.close();
  } finally {
    process.kill(orphan, "SIGKILL");
  }
});

test("openDataFolder() keeps the lock when its answer is dropped and garbage collected", async () => {
  const path = join(root, "dropped");
  const other = await holder(
    path,
    `let left = 20;
     await new Promise((done) => {
       const timer = setInterval(() => {
         Bun.gc(true);
         if (--left > 0) return;
         clearInterval(timer);
         done();
       }, 1);
     });`,
  );
  try {
    expect(await rejection(openDataFolder(path))).toMatchObject({ code: "startup" });
  } finally {
    await other.kill();
  }
});

test("openDataFolder() takes its note back when the process ends without closing", async () => {
  const path = join(root, "exit");
  const other = await holder(path, "setImmediate(() => process.exit(0));");
  expect(await other.exited).toBe(0);
  expect(await readdir(path)).toEqual(["plugd.lock"]);
});

test("openDataFolder() names the host of a process on another one, and nobody when the note makes no sense", async () => {
  const path = join(root, "noted");
  const other = await holder(path);
  const messageWith = async (note: string) => {
    await writeFile(join(path, "plugd.pid"), note);
    const error = await rejection(openDataFolder(path));
    return error instanceof Error ? error.message : "";
  };
  try {
    expect(await messageWith("7\nelsewhere\n")).toEndWith(
      'the plugd with process id 7 on host "elsewhere" uses it already',
    );
    expect(await messageWith("garbage")).toEndWith("another process uses it already");
    expect(await messageWith("")).toEndWith("another process uses it already");
    // No process has this number: the note is from before.
    expect(await messageWith(`4194305\n${hostname()}\n`)).toEndWith("another process uses it already");
    await rm(join(path, "plugd.pid"));
    expect(await rejection(openDataFolder(path))).toMatchObject({
      message: expect.stringContaining("another process uses it already"),
    });
  } finally {
    await other.kill();
  }
});

test("openDataFolder() refuses a path that is a file, or leads through one", async () => {
  const path = join(root, "file");
  await writeFile(path, "kept");
  for (const name of [path, join(path, "below")])
    expect(await rejection(openDataFolder(name))).toMatchObject({
      code: "startup",
      message: `Cannot use data folder "${name}": it, or a part of its path, is a file`,
      hint: expect.stringContaining("PLUGD_DATA_DIR"),
    });
  expect(await readFile(path, "utf8")).toBe("kept");
});

test.skipIf(isRoot)(
  `openDataFolder() refuses a folder that this user may not write${isRoot ? " (skipped: nothing is forbidden to root)" : ""}`,
  async () => {
    const path = join(root, "forbidden");
    await mkdir(path);
    await chmod(path, 0o500);
    expect(await rejection(openDataFolder(path))).toMatchObject({
      code: "startup",
      message: expect.stringContaining("it may not be written by user"),
      hint: expect.stringContaining("chown"),
    });
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `openDataFolder() refuses a read-only file system, for a folder that exists and for a new one${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 20 });
    await disk.makeReadOnly();
    for (const path of [disk.path, join(disk.path, "new")])
      expect(await rejection(openDataFolder(path))).toMatchObject({
        code: "startup",
        message: `Cannot use data folder "${path}": its file system is read-only`,
        hint: expect.stringContaining("PLUGD_DATA_DIR"),
      });
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `openDataFolder() on a full disk says so and leaves the folder free${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 1 << 16 });
    await rejection(writeFile(join(disk.path, "ballast"), new Uint8Array(1 << 17)));
    expect(await rejection(openDataFolder(disk.path))).toMatchObject({
      code: "startup",
      message: `Cannot use data folder "${disk.path}": no space is left on its disk`,
    });
    await rm(join(disk.path, "ballast"));
    const folder = await openDataFolder(disk.path);
    await folder.close();
  },
);

test("openDataFolder() says what to do about a lock file that is damaged", async () => {
  const path = join(root, "damaged");
  await mkdir(path);
  await writeFile(join(path, "plugd.lock"), "garbage ".repeat(200));
  expect(await rejection(openDataFolder(path))).toMatchObject({
    code: "startup",
    message: expect.stringContaining(`Cannot lock data folder "${path}"`),
    hint: expect.stringContaining(`Delete "${join(path, "plugd.lock")}"`),
  });
});
