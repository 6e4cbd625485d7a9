/** Where a command writes. On a terminal lines may be overwritten and coloured; elsewhere they are plain. */
export interface CliOutput {
  write(text: string): void;
  /**
   * Resolves when all that was written has left; rejects with `OutputClosedError` when nobody reads it any more.
   * Absent where it has left as soon as `write()` returns.
   */
  readonly drained: () => Promise<void>;
  readonly isTerminal: boolean;
  /** Width of the terminal in cells; 80 where nothing is known. */
  readonly columns: number;
}

/** Where a command reads from, for one reader at a time. */
export interface CliInput {
  readonly isTerminal: boolean;
  /** What arrives, to its end. On a terminal that is a line at a time, or keys once it is raw. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Raw: keys come at once and are not shown, Ctrl-C among them. Does nothing where there is no terminal. */
  setRaw(raw: boolean): void;
}

/** The world of a command: what `main.ts` knows of the process. */
export interface CliIo {
  /** Called by another name, this program is the command line of plugin authors. */
  readonly personality: "plugd" | "dify";
  /** What the user has to type to run this program, such as `plugd` or `bun run plugd`. */
  readonly program: string;
  readonly stdin: CliInput;
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
  /** Aborted by the first SIGINT or SIGTERM: `start` drains and ends well, every other command gives up. */
  readonly signal: AbortSignal;
}

/** How a text can be set off; every function gives its text back unchanged where colours are off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/** Colours for a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise. */
export function styleFor(output: CliOutput, env: CliIo["env"]): Style {
  const on = output.isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const sgr = (open: number, close: number) => (text: string) =>
    on ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), green: sgr(32, 39), yellow: sgr(33, 39) };
}

/**
 * What a plugin or a daemon said, made safe for a terminal: without the control characters that could move the
 * cursor, change colours or the window's title. In a pipe nothing is changed.
 */
export function forOutput(text: string, output: CliOutput): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return output.isTerminal ? text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "") : text;
}
