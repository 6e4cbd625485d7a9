import { ownCommand } from "./init-process.ts";

/** What of the process decides; `process` itself fits. */
export interface OwnProcess {
  readonly pid: number;
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  readonly argv0: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  execve?(file: string, args: readonly string[], env: Record<string, string>): unknown;
}

/**
 * Read once, before the first line of a program runs: setting it later has no effect, be it here, in the C library's
 * environment or a worker's, and a compiled program takes it from no other place. Without it 256 requests go out at once,
 * and the others wait.
 */
const VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const MAX_REQUESTS = 8192;

/**
 * Lets a daemon ask the platform for more than 256 plugins at once: the process replaces itself by the same program with
 * the engine's limit raised, and keeps its number. Only for `start`, and not where the operator has set the variable.
 */
export function raiseRequestLimit(own: OwnProcess): void {
  // As PID 1 it only looks after a child, which comes here itself.
  if (own.argv[2] !== "start" || own.pid === 1 || own.env[VARIABLE] !== undefined) return;
  const [, ...args] = ownCommand(own);
  const env = Object.fromEntries(
    Object.entries({ ...own.env, [VARIABLE]: String(MAX_REQUESTS) }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  try {
    own.execve?.(own.execPath, [own.argv0, ...args], env);
  } catch {
    // Where the system has no such call, or refuses it, a daemon with the smaller limit is better than none.
  }
}
