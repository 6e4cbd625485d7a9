/** What the program's exit code says. */
export const EXIT = {
  ok: 0,
  /** The operation failed. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No daemon answers. */
  unreachable: 3,
  /** The daemon refused the key. */
  refused: 4,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
  /** Whoever read the output has gone, as shells count it. */
  closedPipe: 141,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface CliErrorOptions {
  readonly exitCode?: ExitCode;
  /** What the user can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure of a command, told in one sentence. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: CliErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CliError";
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.hint = options.hint;
  }
}

/** The reader of a pipe has gone, as `head` does: nothing is wrong, and there is nobody to tell anything. */
export class OutputClosedError extends Error {
  constructor() {
    super("Cannot write the output: nobody reads it");
    this.name = "OutputClosedError";
  }
}
