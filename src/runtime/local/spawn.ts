import { constants } from "node:fs";
import { access, lstat, stat } from "node:fs/promises";
import { errorMessage } from "../../lib/describe-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginProcess, ProcessExit, ProcessSpec, ProcessStarter } from "../process.ts";
import type { MemoryGuard, MemoryLimiter } from "./memory-limit.ts";
import type { Launcher } from "./spawn-launcher.ts";

export interface SpawnStarterOptions {
  readonly launcher: Launcher;
  readonly memory: MemoryLimiter;
}

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

/**
 * Starts each plugin as a child of this process, in a session and process group of its own.
 *
 * - Nothing is read from a plugin that nobody pulls: an unread stdout stops the plugin, not the daemon.
 * - What a plugin leaves in its group, or in its cgroup, is killed when it ends.
 * - Errors are `unavailable`: the folder or the program is missing, or the system refuses.
 */
export function createSpawnStarter(options: SpawnStarterOptions): ProcessStarter {
  const { launcher, memory } = options;
  return {
    async start(spec) {
      await checkStartable(spec);
      const guard = memory.guard(spec.limits.memoryBytes);
      let child: Child;
      try {
        child = spawn(spec, { launcher, guard });
      } catch (cause) {
        guard.release();
        throw cannotStart(spec, `the system refuses (${errorMessage(cause)})`, { cause });
      }
      guard.attach(child.pid);
      return describe(child, guard);
    },
  };
}

function spawn(spec: ProcessSpec, how: { readonly launcher: Launcher; readonly guard: MemoryGuard }): Child {
  return Bun.spawn({
    cmd: how.launcher.wrap(spec.argv),
    cwd: spec.cwd,
    env: { ...spec.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
    // Without it the output of a plugin that nobody reads is collected in memory without a bound.
    lazy: true,
    ...(how.guard.cgroup === undefined ? {} : { cgroup: how.guard.cgroup }),
  });
}

/** A spawn answers the same `ENOENT` for a missing folder and a missing program; an operator needs to know which. */
async function checkStartable(spec: ProcessSpec): Promise<void> {
  const [program] = spec.argv;
  const folder = await stat(spec.cwd).catch(() => undefined);
  if (folder === undefined) throw cannotStart(spec, "the folder does not exist", { hint: REINSTALL });
  if (!folder.isDirectory()) throw cannotStart(spec, "the folder is a file", { hint: REINSTALL });
  const file = await stat(program).catch(() => undefined);
  if (file === undefined) {
    const link = await lstat(program).catch(() => undefined);
    const why = link === undefined ? "the program does not exist" : "the program is a link to nothing";
    throw cannotStart(spec, why, { hint: REINSTALL });
  }
  if (file.isDirectory()) throw cannotStart(spec, "the program is a folder", { hint: REINSTALL });
  await access(program, constants.X_OK).catch((cause: unknown) => {
    throw cannotStart(spec, "the program may not be executed", { cause });
  });
}

const REINSTALL = "Install the plugin again, so that its folder and environment are built anew";

function cannotStart(
  spec: ProcessSpec,
  why: string,
  options: { readonly cause?: unknown; readonly hint?: string },
): DaemonError {
  return new DaemonError("unavailable", `Cannot start "${spec.argv[0]}" in "${spec.cwd}": ${why}`, options);
}

function describe(child: Child, guard: MemoryGuard): PluginProcess {
  const { pid } = child;
  /** Somebody told it to end, so its end says nothing about its memory. */
  let asked = false;

  function hasEnded(): boolean {
    return child.exitCode !== null || child.signalCode !== null;
  }

  async function untilEnded(): Promise<ProcessExit> {
    await child.exited;
    // Its number stays taken as long as a process of its group lives, and is not given away in between:
    // this is the only moment after the end at which the group may be signalled.
    signalGroup(pid, "SIGKILL");
    const limitHit = guard.release();
    const signal = child.signalCode === null ? null : String(child.signalCode);
    const code = signal === null ? child.exitCode : null;
    return { code, signal, outOfMemory: limitHit && !asked && code !== 0 };
  }

  const exited = untilEnded();

  return {
    pid,
    // Made when asked for: a stream that exists and is never read keeps its pipe open for good.
    get stdout() {
      return child.stdout;
    },
    get stderr() {
      return child.stderr;
    },
    write: createWriter(child, { exited, hasEnded }),
    exited,
    signal(name) {
      if (hasEnded()) return;
      asked = true;
      signalGroup(pid, name);
    },
  };
}

/** Written at once where several texts wait; a text alone may be larger. */
const MAX_BATCH_CHARS = 64 * 1024;

/** A text that waits for the pipe. */
interface Waiting {
  /** Undefined once nobody wants it any more. */
  text: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
  readonly reject: (why: unknown) => void;
}

/**
 * Writes one text after the other, those of one turn with one call into the system. A pipe that is full makes the writer wait; the end of the process makes it fail,
 * although a grandchild may still hold the other end open.
 */
function createWriter(
  child: Child,
  life: { readonly exited: Promise<unknown>; hasEnded(): boolean },
): PluginProcess["write"] {
  const gone = life.exited.then(() => Promise.reject(ended()));
  // Whoever does not write must not see a rejection.
  gone.catch(() => undefined);
  let waiting: Waiting[] = [];
  let running = false;
  let broken = false;

  function ended(cause?: unknown): DaemonError {
    return new DaemonError("unavailable", `Cannot write to process ${child.pid}: it has ended`, { cause });
  }

  async function put(text: string): Promise<void> {
    if (broken || life.hasEnded()) throw ended();
    try {
      const taken: unknown = child.stdin.write(text);
      if (taken instanceof Promise) await Promise.race([taken, gone]);
      // A pipe that broke takes everything with a `true` in place of a number.
      else if (typeof taken !== "number") throw ended();
    } catch (cause) {
      // EPIPE: it died under the write, or closed its stdin, which is as good.
      broken = true;
      throw cause instanceof DaemonError ? cause : ended(cause);
    }
  }

  /** What is wanted of those that wait, as much as goes out together. */
  function take(): readonly Waiting[] {
    const taken: Waiting[] = [];
    let chars = 0;
    let looked = 0;
    for (const each of waiting) {
      chars += each.text?.length ?? 0;
      if (chars > MAX_BATCH_CHARS && taken.length > 0) break;
      looked++;
      if (each.text === undefined) each.reject(each.signal?.reason);
      else taken.push(each);
    }
    waiting = waiting.slice(looked);
    return taken;
  }

  /** Reports to each who waits and never fails by itself. */
  async function writeAll(): Promise<void> {
    await Promise.resolve();
    for (let batch = take(); batch.length > 0; batch = take())
      try {
        await put(batch.map(({ text }) => text).join(""));
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        for (const { reject } of batch) reject(cause);
      }
    running = false;
  }

  return (text, signal) =>
    new Promise((resolve, reject) => {
      const each: Waiting = { text, signal, resolve, reject };
      // Behind a process that does not read, what nobody wants any more must neither be kept nor sent.
      if (running) signal?.addEventListener("abort", () => (each.text = undefined), { once: true });
      waiting.push(each);
      if (running) return;
      running = true;
      void writeAll();
    });
}

/** The whole group; a group that is gone was the wish. */
function signalGroup(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, name);
  } catch {
    // ESRCH.
  }
}
