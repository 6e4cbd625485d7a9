import { DaemonError } from "../protocol/daemon-error.ts";
import { ApiError } from "./api-error.ts";
import { CliError, EXIT, type ExitCode } from "./cli-error.ts";
import { type CliIo, forOutput, styleFor } from "./cli-io.ts";

/**
 * Tells the user what went wrong, on stderr: one sentence, and what to do about it. Stack traces, and a plugin's
 * own traceback, are only shown with `debug`. Answers the exit code.
 */
export function reportError(error: unknown, io: CliIo, options: { readonly debug: boolean }): ExitCode {
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
  const message = error instanceof Error ? error.message : String(error);
  return { message, hint: undefined, exitCode: EXIT.failed, unexpected: true };
}

function trace(error: unknown): string {
  if (error instanceof ApiError && typeof error.plugin?.args?.["traceback"] === "string")
    return error.plugin.args["traceback"];
  return Bun.inspect(error);
}
