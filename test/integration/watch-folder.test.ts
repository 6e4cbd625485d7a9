/** Changes of a plugin's folder as `plugin dev` sees them. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { devIgnoreRules } from "../../src/service/author/dev/dev-source.ts";
import { watchFolder } from "../../src/service/author/dev/watch-folder.ts";
import { until } from "../support/processes.ts";
import { temporaryFolder, writeTexts } from "./author-support.ts";

async function setUp(folder: string) {
  writeTexts(folder, {
    "main.py": "1",
    "tools/a.py": "1",
    ".difyignore": "*.log\nsecret/\n",
    "node_modules/x/y.js": "1",
  });
  const told: string[] = [];
  const watch = await watchFolder(folder, {
    ignored: () => devIgnoreRules(folder),
    onChange: (paths) => told.push(...paths),
  });
  return { told, watch, [Symbol.dispose]: () => watch.close() };
}

test("watchFolder() tells files that are written, replaced, made in new folders, and removed", async () => {
  using folder = temporaryFolder();
  using watching = await setUp(folder.path);
  const { told } = watching;
  writeFileSync(join(folder.path, "tools/a.py"), "2");
  await until("a write", () => told.includes("tools/a.py"));
  // As editors do.
  writeFileSync(join(folder.path, "main.py~"), "2");
  renameSync(join(folder.path, "main.py~"), join(folder.path, "main.py"));
  await until("a replaced file", () => told.includes("main.py"));
  mkdirSync(join(folder.path, "deep/er"), { recursive: true });
  await until("a new folder", () => told.includes("deep"));
  await until("a file in it", () => {
    writeFileSync(join(folder.path, "deep/er/b.py"), String(told.length));
    return told.includes("deep/er/b.py");
  });
  rmSync(join(folder.path, "tools/a.py"));
  await until("a removal", () => told.filter((path) => path === "tools/a.py").length >= 2);
});

test("watchFolder() says nothing of what packing leaves out and tools make", async () => {
  using folder = temporaryFolder();
  using watching = await setUp(folder.path);
  const { told } = watching;
  for (const name of [".git", ".plugd", "__pycache__", "tools/__pycache__", ".venv", "secret"])
    mkdirSync(join(folder.path, name), { recursive: true });
  for (const path of [
    "node_modules/x/y.js",
    "tools/__pycache__/a.pyc",
    "a.log",
    "secret/x",
    ".plugd/x",
    ".git/x",
  ])
    writeFileSync(join(folder.path, path), "2");
  writeFileSync(join(folder.path, "main.py"), "2");
  await until("a change that counts", () => told.includes("main.py"));
  expect([...new Set(told)]).toEqual(["main.py"]);
  watching.watch.close();
  writeFileSync(join(folder.path, "main.py"), "3");
});
