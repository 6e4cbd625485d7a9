import { dlopen, type Pointer, ptr } from "bun:ffi";

/** Signals that whoever manages the container sends to its first process. */
export type InitSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT";

export interface InitOptions {
  /** The command that starts this program again, see `ownCommand`. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `process.on`, so that signals are taken at one place. */
  on(signal: InitSignal | "SIGCHLD", handler: () => void): unknown;
  /** Told when orphans cannot be reaped here. */
  warn(message: string): void;
}

const FORWARDED: readonly InitSignal[] = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"];

/**
 * Lives as PID 1 in place of the program: runs it as a child, forwards signals, and takes the exit status of orphans,
 * which would else stay as zombies. Resolves with the exit code of the child, 128 + n when a signal ended it.
 *
 * Plugins need it: the SDK exits as soon as its parent is PID 1 (contract/plugin-wire 1.1).
 */
export async function runAsInit(options: InitOptions): Promise<number> {
  const [...cmd] = options.command;
  const child = Bun.spawn({
    cmd,
    env: options.env,
    stdio: ["inherit", "inherit", "inherit"],
    // In a session of its own the child gets Ctrl-C once, from here, and not from the terminal as well.
    detached: true,
  });
  for (const name of FORWARDED) options.on(name, () => child.kill(name));
  const libc = openLibc();
  if (libc === undefined)
    options.warn("Cannot reap orphans: no C library was found; run plugd under an init such as tini");
  else options.on("SIGCHLD", () => reapOrphans(libc, child.pid));
  return await child.exited;
}

/** What this program was started with, as a command: from source, or as one compiled file. */
export function ownCommand(own: {
  /** `process.execPath`, `process.execArgv` and `process.argv`. */
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
}): [string, ...string[]] {
  const [, script = "", ...args] = own.argv;
  // In a compiled file the script is a virtual path, and the file itself is the program.
  if (script.startsWith("/$bunfs/")) return [own.execPath, ...args];
  return [own.execPath, ...own.execArgv, script, ...args];
}

interface Libc {
  waitid(idType: number, id: number, info: Pointer, options: number): number;
  waitpid(pid: number, status: null, options: number): number;
}

/** glibc, and musl by both names under which it is found. */
const LIBC_NAMES = ["libc.so.6", `libc.musl-${muslArch()}.so.1`, `ld-musl-${muslArch()}.so.1`];

function muslArch(): string {
  return process.arch === "arm64" ? "aarch64" : "x86_64";
}

function openLibc(): Libc | undefined {
  for (const name of LIBC_NAMES)
    try {
      return dlopen(name, {
        waitid: { args: ["i32", "u32", "ptr", "i32"], returns: "i32" },
        waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
      }).symbols;
    } catch {
      // The next name; none of them is told by the caller.
    }
  return undefined;
}

const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
/** `siginfo_t` has 128 bytes; on 64 bit `si_pid` is its fifth word. */
const SIGINFO_WORDS = 32;
const SI_PID = 4;

/** One signal may stand for many ends. The child itself is left to whoever waits for it. */
function reapOrphans(libc: Libc, childPid: number): void {
  const info = new Int32Array(SIGINFO_WORDS);
  for (;;) {
    info.fill(0);
    // Only looks: taking the status of any child would also take that of the program.
    if (libc.waitid(P_ALL, 0, ptr(info), WEXITED | WNOHANG | WNOWAIT) !== 0) return;
    const pid = info[SI_PID] ?? 0;
    if (pid === 0 || pid === childPid) return;
    libc.waitpid(pid, null, WNOHANG);
  }
}
