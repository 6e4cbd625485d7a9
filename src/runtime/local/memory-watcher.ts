import type { Logger } from "../../lib/logger.ts";
import {
  parsePs,
  type ProcessInfo,
  readPageSize,
  readProcess,
  readProcesses,
  readProportionalBytes,
  treeOf,
} from "../../lib/proc-tree.ts";
import type { MemoryGuard, MemoryLimiter } from "./memory-limit.ts";

/** How the processes of this machine are seen. */
export interface ProcessReader {
  readonly label: string;
  all(): readonly ProcessInfo[] | Promise<readonly ProcessInfo[]>;
  /** Memory of one process with shared pages divided; undefined where only the plain figure is known. */
  readonly proportionalBytes: (pid: number) => number | undefined;
  /** Still the same process. Asked right before a kill. */
  isAlive(one: ProcessInfo): boolean;
}

/** A process tree and what it may use. */
export interface Watched {
  readonly pid: number;
  readonly limitBytes: number;
}

export interface Excess {
  readonly watched: Watched;
  readonly usedBytes: number;
  readonly members: readonly ProcessInfo[];
}

export interface WatchingLimiterOptions {
  /** Undefined: there is no way to see processes, and no limit holds. */
  readonly reader: ProcessReader | undefined;
  /** Between two looks, in milliseconds. */
  readonly intervalMs: number;
  readonly log: Pick<Logger, "warn">;
}

/** A look may take one part in this many of the time, however many processes the machine has. */
const TIME_SHARE = 50;

/** The way to see processes here: `/proc`, else `ps`, else none. */
export async function findProcessReader(platform: string): Promise<ProcessReader | undefined> {
  if (platform === "linux") {
    const pageBytes = readPageSize();
    return {
      label: "/proc",
      all: () => readProcesses(pageBytes),
      proportionalBytes: readProportionalBytes,
      isAlive: (one) => readProcess(one.pid, pageBytes)?.startedAt === one.startedAt,
    };
  }
  try {
    await runPs();
  } catch {
    // No `ps`, or one that does not know these options: the caller says that no limit holds.
    return undefined;
  }
  // `ps` does not tell when a process started in a form worth trusting; its answer is milliseconds old.
  return { label: "ps", all: runPs, proportionalBytes: () => undefined, isAlive: () => true };
}

async function runPs(): Promise<ProcessInfo[]> {
  const child = Bun.spawn(["ps", "-axo", "pid=,ppid=,pgid=,rss="], { stdio: ["ignore", "pipe", "ignore"] });
  const processes = parsePs(await child.stdout.text());
  if ((await child.exited) !== 0 || processes.length === 0) throw new Error("ps does not list processes");
  return processes;
}

/**
 * The trees that use more than they may. The sum of resident memory counts shared pages of forks many times, so a
 * tree is only found guilty by its proportional memory, where the kernel tells it.
 */
export function findExcesses(
  watched: Iterable<Watched>,
  seen: {
    readonly processes: readonly ProcessInfo[];
    readonly proportionalBytes: ProcessReader["proportionalBytes"];
  },
): Excess[] {
  const excesses: Excess[] = [];
  for (const one of watched) {
    const members = treeOf(one.pid, seen.processes);
    const sum = (bytes: (member: ProcessInfo) => number) =>
      members.reduce((total, member) => total + bytes(member), 0);
    if (sum((member) => member.residentBytes) <= one.limitBytes) continue;
    const usedBytes = sum((member) => seen.proportionalBytes(member.pid) ?? member.residentBytes);
    if (usedBytes > one.limitBytes) excesses.push({ watched: one, usedBytes, members });
  }
  return excesses;
}

/** Limits memory by looking at the process trees from time to time and killing the one that uses too much. */
export function createWatchingLimiter(options: WatchingLimiterOptions): MemoryLimiter {
  const { reader, intervalMs, log } = options;
  const watched = new Map<Watched, { exceeded: boolean }>();
  let timer: Timer | undefined;
  let looking: Promise<void> | undefined;
  /** A failing look is reported once, not every second. */
  let reported = false;

  function schedule(delayMs: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      looking = look().finally(() => {
        looking = undefined;
      });
    }, delayMs);
  }

  async function look(): Promise<void> {
    if (reader === undefined) return;
    const began = performance.now();
    try {
      const processes = await reader.all();
      const { proportionalBytes } = reader;
      for (const excess of findExcesses(watched.keys(), { processes, proportionalBytes }))
        end(excess, reader);
    } catch (cause) {
      if (!reported) log.warn("Cannot read the memory of plugins", { cause: String(cause) });
      reported = true;
    }
    if (watched.size > 0) schedule(Math.max(intervalMs, (performance.now() - began) * TIME_SHARE));
  }

  function end({ watched: one, usedBytes, members }: Excess, reader: ProcessReader): void {
    const state = watched.get(one);
    // It may have ended while processes were read, and its pid with it.
    if (state === undefined) return;
    state.exceeded = true;
    log.warn("Plugin uses more memory than its limit and is killed", {
      pid: one.pid,
      usedBytes,
      limitBytes: one.limitBytes,
    });
    kill(-one.pid);
    for (const member of members) if (member.group !== one.pid && reader.isAlive(member)) kill(member.pid);
  }

  function guard(limitBytes: number): MemoryGuard {
    const state = { exceeded: false };
    let one: Watched | undefined;
    return {
      cgroup: undefined,
      attach(pid) {
        if (limitBytes <= 0 || reader === undefined) return;
        one = { pid, limitBytes };
        watched.set(one, state);
        if (timer === undefined && looking === undefined) schedule(intervalMs);
      },
      release() {
        if (one !== undefined) watched.delete(one);
        if (watched.size === 0) clearTimeout(timer);
        if (watched.size === 0) timer = undefined;
        return state.exceeded;
      },
    };
  }

  return {
    kind: reader === undefined ? "none" : "watcher",
    detail:
      reader === undefined
        ? "memory of plugins is not limited: processes cannot be listed here"
        : `memory of plugins is looked at every ${intervalMs / 1000} s (${reader.label})`,
    guard,
    async close() {
      watched.clear();
      clearTimeout(timer);
      timer = undefined;
      await looking;
    },
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Already gone: what was wanted.
  }
}
