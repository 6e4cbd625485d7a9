import type { Logger } from "../../lib/logger.ts";
import { cgroupFiles, createCgroupLimiter, findCgroupHome } from "./memory-cgroup.ts";
import type { MemoryLimiter, MemoryLimits } from "./memory-limit.ts";
import { createWatchingLimiter, findProcessReader } from "./memory-watcher.ts";

export interface CreateMemoryLimiterOptions {
  readonly log: Pick<Logger, "warn">;
  /** `watcher` leaves cgroups alone, for an operator (or a test) who says so. */
  readonly mechanism?: "auto" | "watcher";
  /** Between two looks of the watcher, in milliseconds. */
  readonly intervalMs?: number;
}

/** What limits memory here, without keeping anything: for `plugd doctor`. */
export async function detectMemoryLimits(): Promise<MemoryLimits> {
  const limiter = await createMemoryLimiter({ log: { warn: () => undefined } });
  await limiter.close();
  return { kind: limiter.kind, detail: limiter.detail };
}

/**
 * The best mechanism of this machine: a cgroup where this process may make groups, else a look at all processes
 * every second, else none. Removes the groups of a daemon that was killed. Never rejects.
 */
export async function createMemoryLimiter(options: CreateMemoryLimiterOptions): Promise<MemoryLimiter> {
  const { log, mechanism = "auto", intervalMs = 1000 } = options;
  const reader = await findProcessReader(process.platform);
  const why: string[] = [];
  const watching = createWatchingLimiter({ reader, intervalMs, log });
  if (mechanism === "auto" && process.platform === "linux") {
    const files = cgroupFiles();
    const found = findCgroupHome(files, process.pid);
    if ("home" in found) return createCgroupLimiter({ files, home: found.home, fallback: watching, log });
    why.push(found.reason);
  }
  return { ...watching, detail: [watching.detail, ...why].join("; ") };
}
