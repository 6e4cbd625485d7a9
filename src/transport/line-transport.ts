import { createLineSplitter, type SplitPart } from "../lib/line-splitter.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../protocol/messages.ts";
import { type CloseReason, type Transport, TransportClosedError } from "./transport.ts";

/** Bytes to and from one plugin, whatever carries them. */
export interface ByteChannel {
  /** Name for logs. */
  readonly label: string;
  /** The next piece, read only when it is asked for; undefined at the end. Rejects when the channel breaks. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the peer's buffer has taken the text; rejects once nobody reads it any more, or with the signal before. */
  write(text: string, signal?: AbortSignal): Promise<void>;
  /** Frees the handles and wakes a read that waits. Idempotent; never rejects. */
  close(): Promise<void>;
}

export interface LineTransportOptions {
  readonly codec: Codec;
  /** A longer line is dropped and reported as `oversize`. */
  readonly maxLineBytes: number;
  /** Called for every read that brought something: a sign of life. */
  readonly onActivity?: () => void;
}

/** Messages as lines of a dialect (contract/plugin-wire 1.3, 2.1). */
export function createLineTransport(channel: ByteChannel, options: LineTransportOptions): Transport {
  const { codec, maxLineBytes } = options;
  const { label } = channel;
  const closed = Promise.withResolvers<CloseReason>();
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
      for (let chunk = await channel.read(); chunk; chunk = await channel.read()) {
        options.onActivity?.();
        const events = decode(splitter.push(chunk));
        if (events.length > 0) yield events;
      }
      const rest = decode(splitter.flush());
      if (rest.length > 0) yield rest;
      end({ kind: "peer" });
    } catch (cause) {
      end({ kind: "broken", cause: cause instanceof Error ? cause : new Error(String(cause)) });
    } finally {
      end({ kind: "local" });
      await channel.close();
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
        await channel.write(line, signal);
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
      await channel.close();
    },
  };
}
