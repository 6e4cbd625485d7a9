import { join } from "node:path";
import type { LoadOptions, LoadResult } from "./load.ts";
import type { Scope } from "./scope.ts";

/** Runs the load generator to its end. Rejects when a call failed: a figure of failures is none. */
export async function runLoad(scope: Scope, options: LoadOptions): Promise<LoadResult> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "load.ts"), JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const release = scope.adopt(child);
  try {
    const output = await child.stdout.text();
    if ((await child.exited) !== 0) throw new Error("The load generator failed");
    const result = JSON.parse(output) as LoadResult;
    if (result.failed > 0)
      throw new Error(`${result.failed} calls of ${options.url} failed: ${result.sample ?? ""}`);
    return result;
  } finally {
    release();
  }
}
