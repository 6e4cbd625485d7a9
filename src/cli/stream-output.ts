import { hasCode } from "../lib/system-error.ts";
import type { CliOutput } from "./cli-io.ts";
import { CliError, OutputClosedError } from "./cli-error.ts";

/** What is used of `process.stdout` and `process.stderr`. */
export interface OutputStream {
  write(text: string, done: (error?: Error | null) => void): unknown;
  on(event: "error", handler: (error: Error) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Output over a stream of the process. Writes to a pipe are still on their way when `write()` returns; whoever ends
 * the process, or writes without end, has to wait for `drained()`.
 */
export function streamOutput(stream: OutputStream): Required<CliOutput> {
  let open = 0;
  let broken: Error | undefined;
  let waiting: (() => void)[] = [];

  const fail = (cause: Error) => {
    broken ??= hasCode(cause, "EPIPE")
      ? new OutputClosedError()
      : new CliError(`Cannot write the output: ${cause.message}`, { cause });
    release();
  };
  const release = () => {
    const released = waiting;
    waiting = [];
    for (const wake of released) wake();
  };
  // Without a handler the process would die of it; the failure reaches whoever waits for `drained()`.
  stream.on("error", fail);

  return {
    write(text) {
      if (broken !== undefined || text === "") return;
      open += 1;
      stream.write(text, (error) => {
        open -= 1;
        if (error) fail(error);
        else if (open === 0) release();
      });
    },
    drained: async () => {
      if (open > 0 && broken === undefined) await new Promise<void>((wake) => waiting.push(wake));
      if (broken !== undefined) throw broken;
    },
    get isTerminal() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns || 80;
    },
  };
}
