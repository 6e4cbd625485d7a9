#!/usr/bin/env bun
/** Runs `bun test` (arguments are passed on) and closes with one line `N passed, N failed, N skipped`. */
import { existsSync, readFileSync, rmSync } from "node:fs";

const report = ".junit.xml";
rmSync(report, { force: true });
const child = Bun.spawn(
  [
    process.execPath,
    "test",
    "--timeout=180000",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
const code = await child.exited;
let tests = 0;
let failed = 0;
let skipped = 0;
if (existsSync(report)) {
  const head = /<testsuites[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] ?? "";
  const count = (key: string) => Number(new RegExp(` ${key}="(\\d+)"`).exec(head)?.[1] ?? 0);
  tests = count("tests");
  failed = count("failures") + count("errors");
  skipped = count("skipped");
}
// A crash, an import error or a run of no test has failed even where no test says so.
if (code !== 0 && failed === 0) failed = 1;
if (tests === 0 && failed === 0) failed = 1;
console.log(`${Math.max(0, tests - failed - skipped)} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? code || 1 : 0);
