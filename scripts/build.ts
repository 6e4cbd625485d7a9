#!/usr/bin/env bun
/**
 * Builds the program as one file: `dist/plugd` for this machine, and with `--all` `dist/plugd-<target>` for every
 * system it is published for. Names on the command line build those targets alone. Runtimes of other systems come
 * through the package registry. With SOURCE_DATE_EPOCH set, the same source gives the same file.
 *
 * Never strip a result: the program is appended to the runtime and would be cut off.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };

const TARGETS = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
] as const;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => name !== "--all" && !TARGETS.some((target) => target === name));
if (unknown.length > 0) {
  console.error(`Cannot build ${unknown.join(", ")}: known are --all, ${TARGETS.join(", ")}`);
  process.exit(2);
}

const builtAt = buildTime(process.env["SOURCE_DATE_EPOCH"]);
mkdirSync("dist", { recursive: true });
if (asked.length === 0 || asked.includes("--all")) await build("dist/plugd");
for (const target of TARGETS)
  if (asked.includes("--all") || asked.includes(target)) await build(`dist/plugd-${target}`, `bun-${target}`);

async function build(outfile: string, target?: string): Promise<void> {
  const began = performance.now();
  const child = Bun.spawn(
    [
      process.execPath,
      "build",
      "--compile",
      ...(target === undefined ? [] : [`--target=${target}`]),
      // Bytecode halves the time to ready; without the format it would be CommonJS, which has no top-level await.
      "--bytecode",
      "--format=esm",
      "--sourcemap",
      // What a start loads before it replaces itself (`lib/request-limit-at-start.ts`) is then a small part of the program.
      "--splitting",
      // Otherwise the binary would run what a `bunfig.toml` in its working directory names, and load a `.env` there.
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      // Otherwise "development" is compiled in. `--production` would also shorten the names in stack traces.
      ...define("process.env.NODE_ENV", "production"),
      ...define("PLUGD_BUILD_VERSION", packageJson.version),
      ...define("PLUGD_BUILD_TIME", builtAt),
      `--outfile=${outfile}`,
      "src/main.ts",
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) {
    console.error(`${output}Cannot build ${outfile}`);
    process.exit(1);
  }
  // The parts' maps are in the program; those beside it would be more with each build.
  for (const name of readdirSync("dist")) if (/-[0-9a-z]{8}\.js\.map$/.test(name)) rmSync(`dist/${name}`);
  const megabytes = (statSync(outfile).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${outfile.padEnd(30)} ${megabytes.padStart(6)} MB  (${seconds} s)`);
}

function define(name: string, value: string): string[] {
  return ["--define", `${name}=${JSON.stringify(value)}`];
}

/** In the form of the health check, such as `2026-08-21T08:00:00+0000` (contract/http-api 3.1). */
function buildTime(epochSeconds: string | undefined): string {
  const time = epochSeconds ? new Date(Number(epochSeconds) * 1000) : new Date();
  return time.toISOString().replace(/\.\d+Z$/, "+0000");
}
