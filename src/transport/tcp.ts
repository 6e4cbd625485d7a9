import type { Socket } from "bun";
import type { ByteChannel } from "./line-transport.ts";

/** One accepted connection as bytes: read by pulling, written with back-pressure. */
export interface TcpChannel extends ByteChannel {
  /** Of the peer, without its port. */
  readonly address: string;
  /** Puts bytes back that were read too far: the next `read` gives them first. */
  unread(bytes: Uint8Array): void;
  /** Writes some last words, then ends: the peer gets a moment to read them. Idempotent; never rejects. */
  end(lastWords: string): Promise<void>;
  /** Resolves when the socket is gone. Never rejects. */
  readonly gone: Promise<void>;
}

/** What the events of a socket go to. */
export interface TcpEvents {
  data(bytes: Uint8Array): void;
  drain(): void;
  closed(error?: Error): void;
}

export interface TcpChannelOptions {
  /** A peer that takes nothing for so long is given up, in milliseconds. */
  readonly writeStallMs: number;
}

/** What a peer gets to take last words and close its side. */
const LINGER_MS = 1000;

/**
 * A socket of `Bun.listen` as a channel. What has come and is not read yet is at most one event's worth: the socket is
 * paused until somebody reads on. `Socket.write` takes what fits and never keeps the rest, so the rest waits here.
 */
export function createTcpChannel(
  socket: Socket<unknown>,
  options: TcpChannelOptions,
): { readonly channel: TcpChannel; readonly events: TcpEvents } {
  const label = `tcp:${socket.remoteAddress}:${socket.remotePort}`;
  const gone = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  let reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  let paused = false;
  /** No more is read: closed here, or by the peer. */
  let ended = false;
  let failure: Error | undefined;
  let discarding = false;
  let ending: Promise<void> | undefined;
  let drained: PromiseWithResolvers<void> | undefined;
  let lastWrite: Promise<void> = Promise.resolve();
  let waiting = 0;

  const events: TcpEvents = {
    data(bytes) {
      if (discarding) return;
      if (reader) {
        reader.resolve(bytes);
        reader = undefined;
        return;
      }
      chunks.push(bytes);
      if (paused) return;
      paused = true;
      socket.pause();
    },
    drain() {
      drained?.resolve();
    },
    closed(error) {
      failure ??= error;
      ended = true;
      drained?.resolve();
      if (reader && failure && !discarding) reader.reject(failure);
      else reader?.resolve(undefined);
      reader = undefined;
      gone.resolve();
    },
  };

  function read(): Promise<Uint8Array | undefined> {
    const chunk = chunks.shift();
    if (chunk) return Promise.resolve(chunk);
    if (ended || discarding)
      return failure && !discarding ? Promise.reject(failure) : Promise.resolve(undefined);
    reader = Promise.withResolvers();
    const { promise } = reader;
    if (paused) {
      paused = false;
      socket.resume();
    }
    return promise;
  }

  async function put(text: string): Promise<void> {
    let rest: Uint8Array = Buffer.from(text);
    for (;;) {
      if (ended) throw failure ?? new Error(`${label} is closed`);
      // Before the write: the drain may come while it still runs.
      drained = Promise.withResolvers();
      const taken = socket.write(rest);
      if (taken < 0) throw failure ?? new Error(`${label} is closed`);
      rest = rest.subarray(taken);
      if (rest.length === 0) return;
      await untilDrained(drained.promise);
    }
  }

  async function untilDrained(drain: Promise<void>): Promise<void> {
    const timer = setTimeout(() => {
      failure ??= new Error(
        `${label} has taken nothing for ${Math.round(options.writeStallMs / 1000)} seconds`,
      );
      socket.terminate();
    }, options.writeStallMs);
    try {
      await drain;
    } finally {
      clearTimeout(timer);
    }
  }

  function write(text: string, signal?: AbortSignal): Promise<void> {
    let wanted: string | undefined = text;
    // Behind a peer that does not read, what nobody wants any more must neither be kept nor sent.
    if (waiting > 0) signal?.addEventListener("abort", () => (wanted = undefined), { once: true });
    waiting++;
    const done = lastWrite.then(() => (wanted === undefined ? signal?.throwIfAborted() : put(wanted)));
    lastWrite = done.then(
      () => void waiting--,
      () => void waiting--,
    );
    return done;
  }

  /** Reads on to nowhere: bytes that nobody has read would make the kernel cut the last words off. */
  function discard(): void {
    discarding = true;
    chunks.length = 0;
    reader?.resolve(undefined);
    reader = undefined;
    if (!paused) return;
    paused = false;
    socket.resume();
  }

  async function end(lastWords: string): Promise<void> {
    if (ended) return;
    discard();
    const timer = setTimeout(() => socket.terminate(), LINGER_MS);
    try {
      if (lastWords !== "") await write(lastWords);
      // Bytes of the peer may be under way: only its own end, or the time limit, closes the socket.
      if (!isEnded()) socket.shutdown();
    } catch {
      // The peer is gone, and the words with it.
    }
    await gone.promise;
    clearTimeout(timer);
  }

  return {
    events,
    channel: {
      label,
      address: socket.remoteAddress,
      read,
      unread(bytes) {
        if (bytes.length > 0) chunks.unshift(bytes);
      },
      write,
      gone: gone.promise,
      end: (lastWords) => (ending ??= end(lastWords)),
      close: () => (ending ??= end("")),
    },
  };

  /** It changes while somebody waits, which the compiler cannot see. */
  function isEnded(): boolean {
    return ended;
  }
}
