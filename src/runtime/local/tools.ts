import { type CommandResult, runCommand } from "../../lib/run-command.ts";
import type { DaemonError } from "../../protocol/daemon-error.ts";
import { toolEnvironment } from "./clean-environment.ts";
import type { LocalSettings } from "./settings.ts";
import { toolFailure } from "./tool-failure.ts";

export interface ToolRun {
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Beside what every tool gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the tool's lines, debug output left out. */
  readonly report?: (line: string) => void;
  /** What it writes on stdout is its result, not its progress. */
  readonly resultOnStdout?: boolean;
  /** Default: the limit of all tools. */
  readonly timeoutMs?: number;
}

/** Runs uv, pip, bun and Python with a clean environment and the limits of the settings. */
export interface Tools {
  /** Rejects only with the signal's reason. */
  run(argv: readonly [string, ...string[]], run: ToolRun): Promise<CommandResult>;
  failure(action: string, result: CommandResult): DaemonError;
}

/** A resolution of hundreds of pins fits many times. */
const KEEP_CHARS = 4 * 1024 * 1024;
const DEBUG_LINE = /^\s*(?:TRACE|DEBUG|INFO)\s/;

export function createTools(settings: LocalSettings): Tools {
  const limits = { inactivityMs: settings.toolInactivityMs, timeoutMs: settings.toolTimeoutMs };
  const common = toolEnvironment(settings.hostEnv, settings.proxies);
  return {
    async run(argv, run) {
      const { report } = run;
      const result = await runCommand(argv, {
        cwd: run.cwd,
        env: { ...common, ...run.env },
        signal: run.signal,
        timeoutMs: run.timeoutMs ?? limits.timeoutMs,
        inactivityMs: limits.inactivityMs,
        keepChars: KEEP_CHARS,
        onLine(line, output) {
          const isResult = output === "stdout" && run.resultOnStdout === true;
          if (!isResult && !DEBUG_LINE.test(line)) report?.(line.trim());
        },
      });
      if (result.end.kind === "aborted") run.signal.throwIfAborted();
      return result;
    },
    failure: (action, result) => toolFailure(action, result, limits),
  };
}
