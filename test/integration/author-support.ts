import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runCli } from "../../src/cli/cli.ts";
import { authorSettings } from "../../src/local-settings.ts";
import { testDeps, testIo, type TestIoOptions } from "../unit/cli/test-io.ts";

/** A folder that goes with its block (`using`). */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

export function temporaryFolder(): TemporaryFolder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "plugd-author-")));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function writeTexts(folder: string, texts: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command of plugin authors, in a folder. */
export async function author(
  argv: readonly string[],
  options: TestIoOptions & { readonly cwd: string },
): Promise<Ran> {
  const { PATH, HOME } = process.env;
  const io = testIo({ env: { NO_COLOR: "1", PATH, HOME }, ...options });
  const deps = testDeps({
    authorSettings: ({ env, folder }) => authorSettings({ env, execPath: process.execPath }, { folder }),
  });
  const code = await runCli(argv, io, deps);
  return { code, out: io.stdout.text, err: io.stderr.text };
}
