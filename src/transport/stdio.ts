import { createLineSplitter, type SplitPart } from "../lib/line-splitter.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../protocol/messages.ts";
import { type CloseReason, type Transport, TransportClosedError } from "./transport.ts";

/** The pipes of a process, or anything that looks like them. */
export interface StdioPipes {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when the pipe has taken the text; rejects once nobody reads it any more, or with the signal before. */
  write(text: string, signal?: AbortSignal): Promise<void>;
}

export interface StdioOptions {
  readonly codec: Codec;
  /** A longer line is dropped and reported as `oversize`. */
  readonly maxLineBytes: number;
  /** Called for every read that brought something: a sign of life. */
  readonly onActivity?: () => void;
}

/** Messages over the pipes of a process (contract/plugin-wire 1.3). */
export function createStdioTransport(pipes: StdioPipes, options: StdioOptions): Transport {
  const { codec, maxLineBytes } = options;
  const label = `stdio:${pipes.pid}`;
  const closed = Promise.withResolvers<CloseReason>();
  const reader = pipes.stdout.getReader();
  let reason: CloseReason | undefined;

  function end(why: CloseReason): void {
    if (reason) return;
    reason = why;
    closed.resolve(why);
  }

  async function* read(): AsyncGenerator<readonly PluginEvent[]> {
    const splitter = createLineSplitter(maxLineBytes);
    const decode = (parts: readonly SplitPart[]): PluginEvent[] => {
      const events: PluginEvent[] = [];
      for (const part of parts)
        if (typeof part !== "string")
          events.push(codec.decodeOversize(part.head, part.sizeBytes, maxLineBytes));
        // One block is what nearly every read brings.
        else if (parts.length === 1) return codec.decode(part);
        else for (const event of codec.decode(part)) events.push(event);
      return events;
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        options.onActivity?.();
        const events = decode(splitter.push(value));
        if (events.length > 0) yield events;
      }
      const rest = decode(splitter.flush());
      if (rest.length > 0) yield rest;
      end({ kind: "peer" });
    } catch (cause) {
      end({ kind: "broken", cause: cause instanceof Error ? cause : new Error(String(cause)) });
    } finally {
      end({ kind: "local" });
      // Only frees the handle; the pipe may be gone already.
      reader.cancel().catch(() => undefined);
    }
  }

  return {
    label,
    incoming: { [Symbol.asyncIterator]: read },
    closed: closed.promise,
    async send(message: DaemonMessage, signal?: AbortSignal) {
      if (reason) throw new TransportClosedError(label, reason);
      const line = codec.encode(message);
      if (line === undefined) return;
      try {
        await pipes.write(line, signal);
      } catch (cause) {
        if (signal?.aborted) {
          codec.unsent?.(message);
          throw cause;
        }
        throw new TransportClosedError(label, {
          kind: "broken",
          cause: cause instanceof Error ? cause : new Error(String(cause)),
        });
      }
    },
    async close() {
      end({ kind: "local" });
      // Wakes a read that waits; a pipe that already failed has nothing to free.
      await reader.cancel().catch(() => undefined);
    },
  };
}
