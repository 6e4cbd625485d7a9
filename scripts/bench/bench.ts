#!/usr/bin/env bun
/** Measures the daemon; `USAGE` in options.ts says how. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { measureAll } from "./measure-all.ts";
import { isReached } from "./measure.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { createReport } from "./report.ts";
import { createScope } from "./scope.ts";
import { formatTable } from "./table.ts";

const ROOT = join(import.meta.dir, "../..");
const PROGRAM = join(ROOT, "dist/plugd");
const SOURCE = join(ROOT, "src");
const INTERRUPTED = 130;

process.exit(await main());

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (process.platform !== "linux") {
    console.error("Cannot measure here: memory and CPU time of other processes are read as Linux tells them");
    return 2;
  }
  if (options.build || !existsSync(PROGRAM)) await build();
  else if (isOutdated())
    console.error("dist/plugd is older than its source: --build measures what stands there now");
  return bench(options);
}

async function bench(options: BenchOptions): Promise<number> {
  const scope = createScope();
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      interrupted.abort();
      // What is being measured fails now, and nothing else begins.
      void scope.close();
    });
  const began = performance.now();
  try {
    const measured = await measureAll(
      { program: PROGRAM, scope, quick: options.quick },
      { parts: options.only, signal: interrupted.signal, say: (text) => console.error(text) },
    );
    if (interrupted.signal.aborted) return INTERRUPTED;

    const seconds = Math.round((performance.now() - began) / 1000);
    const report = await createReport(measured, { quick: options.quick, seconds });
    await Bun.write(options.jsonPath, `${JSON.stringify(report, null, 2)}\n`);
    console.log(`\n${formatTable(measured.measures)}\n`);
    console.log(
      `plugd ${report.plugd} at ${report.commit?.slice(0, 19) ?? "an unknown commit"}, ${report.cpus} CPUs, ` +
        `${seconds} s${options.quick ? ", quick" : ""}; ${options.jsonPath}`,
    );
    const missed = measured.measures.some((measure) => isReached(measure) === false);
    return options.strict && (missed || measured.skipped.length > 0) ? 1 : 0;
  } finally {
    await scope.close();
  }
}

function isOutdated(): boolean {
  const built = statSync(PROGRAM).mtimeMs;
  return readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).some(
    (path) => statSync(join(SOURCE, path)).mtimeMs > built,
  );
}

async function build(): Promise<void> {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts/build.ts")], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await child.exited) !== 0) process.exit(1);
}
