import { createLineTransport, type LineTransportOptions } from "./line-transport.ts";
import type { Transport } from "./transport.ts";

/** The pipes of a process, or anything that looks like them. */
export interface StdioPipes {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when the pipe has taken the text; rejects once nobody reads it any more, or with the signal before. */
  write(text: string, signal?: AbortSignal): Promise<void>;
}

/** Messages over the pipes of a process (contract/plugin-wire 1.3). */
export function createStdioTransport(pipes: StdioPipes, options: LineTransportOptions): Transport {
  const reader = pipes.stdout.getReader();
  return createLineTransport(
    {
      label: `stdio:${pipes.pid}`,
      async read() {
        const { done, value } = await reader.read();
        return done ? undefined : value;
      },
      write: (text, signal) => pipes.write(text, signal),
      // A pipe that already failed has nothing to free.
      close: () => reader.cancel().catch(() => undefined),
    },
    options,
  );
}
