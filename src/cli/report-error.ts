import { errorMessage } from "../lib/describe-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { ApiError } from "./api-error.ts";
import { CliError, EXIT, type ExitCode, OutputClosedError } from "./cli-error.ts";
import { type CliIo, forOutput, styleFor } from "./cli-io.ts";

const BUILT_IN = new Set(["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError"]);

/**
 * Tells the user what went wrong, on stderr: one sentence, and what to do about it. Stack traces, and a plugin's
 * own traceback, are only shown with `debug`. Answers the exit code.
 */
export function reportError(error: unknown, io: CliIo, options: { readonly debug: boolean }): ExitCode {
  if (error instanceof OutputClosedError) return EXIT.closedPipe;
  if (io.signal.aborted && !(error instanceof CliError)) {
    io.stderr.write("Interrupted\n");
    return EXIT.interrupted;
  }
  const style = styleFor(io.stderr, io.env);
  const said = explain(error);
  const write = (text: string) => io.stderr.write(`${forOutput(text, io.stderr)}\n`);
  io.stderr.write(style.red("Error: "));
  write(said.message);
  if (said.hint !== undefined) {
    io.stderr.write(style.dim("Hint: "));
    write(said.hint);
  }
  if (options.debug) write(trace(error));
  else if (said.unexpected) write("Run it again with --debug to see where this happened");
  return said.exitCode;
}

interface Explanation {
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
  /** Nobody foresaw this one: the trace is of use. */
  readonly unexpected: boolean;
}

function explain(error: unknown): Explanation {
  if (error instanceof CliError || error instanceof DaemonError)
    return {
      message: error.message,
      hint: error.hint,
      exitCode: error instanceof CliError ? error.exitCode : EXIT.failed,
      unexpected: false,
    };
  if (error instanceof ApiError) {
    const message = error.plugin ? `${error.plugin.error_type}: ${error.plugin.message}` : error.message;
    return { message, hint: error.hint, exitCode: EXIT.failed, unexpected: false };
  }
  const message = errorMessage(error);
  // An error with a name of its own was made to be read, such as the one that lists settings that cannot be used.
  const unexpected = !(error instanceof Error) || BUILT_IN.has(error.name);
  return { message, hint: undefined, exitCode: EXIT.failed, unexpected };
}

function trace(error: unknown): string {
  if (error instanceof ApiError && typeof error.plugin?.args?.["traceback"] === "string")
    return error.plugin.args["traceback"];
  return Bun.inspect(error);
}
