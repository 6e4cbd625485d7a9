import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordedAnswers } from "./run-scenario.ts";

const FIXTURES = join(import.meta.dir, "../fixtures");
/** Most packages serve other tests too. */
const PACKAGE_FOLDERS = ["golden/packages", "package/good", "package"].map((folder) =>
  join(FIXTURES, folder),
);

/** The bytes of a recorded package; names of those that have to be refused begin with `bad/`. */
export function readPackage(name: string): Uint8Array {
  const path = PACKAGE_FOLDERS.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`There is no package "${name}" in test/fixtures`);
  return readFileSync(path);
}

/** What the reference answered to the steps of a scenario, by name. */
export function readRecorded(scenario: string): RecordedAnswers {
  const lines = readFileSync(join(FIXTURES, `golden/answers/${scenario}.jsonl`), "utf8")
    .trimEnd()
    .split("\n");
  return new Map(
    lines.map((line) => {
      const { name, answer }: { name: string; answer: unknown } = JSON.parse(line);
      return [name, answer];
    }),
  );
}
