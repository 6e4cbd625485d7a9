import type { CliInput } from "./cli-io.ts";

/** What is used of `process.stdin`. */
export interface InputStream extends AsyncIterable<unknown> {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/** Input over a stream of the process, which is not touched before somebody reads: an open stdin keeps a process alive. */
export function streamInput(open: () => InputStream): CliInput {
  return {
    get isTerminal() {
      return open().isTTY === true;
    },
    async *chunks() {
      for await (const chunk of open())
        if (chunk instanceof Uint8Array) yield chunk;
        else yield Buffer.from(String(chunk));
    },
    setRaw(raw) {
      open().setRawMode?.(raw);
    },
  };
}
