import { cpus, release } from "node:os";
import packageJson from "../../package.json" with { type: "json" };
import type { Measured } from "./measure-all.ts";
import { isReached } from "./measure.ts";

/** The JSON of a run, with what its figures hold for: without that nobody can compare them with others. */
export async function createReport(
  { measures, skipped }: Measured,
  run: { readonly quick: boolean; readonly seconds: number },
) {
  return {
    date: new Date().toISOString(),
    plugd: packageJson.version,
    commit: await readCommit(),
    bun: Bun.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? "unknown",
    kernel: release(),
    ...run,
    measures: measures.map((measure) => ({ ...measure, reached: isReached(measure) ?? null })),
    skipped,
  };
}

/** Marked where the working tree is not what was committed; null outside of a clone. */
async function readCommit(): Promise<string | null> {
  const commit = await git("rev-parse", "HEAD");
  return commit === undefined
    ? null
    : `${commit}${(await git("status", "--porcelain")) === "" ? "" : "-dirty"}`;
}

async function git(...args: readonly string[]): Promise<string | undefined> {
  try {
    const child = Bun.spawn(["git", ...args], { cwd: import.meta.dir, stdio: ["ignore", "pipe", "ignore"] });
    const output = await child.stdout.text();
    return (await child.exited) === 0 ? output.trim() : undefined;
  } catch {
    // There is no git.
    return undefined;
  }
}
