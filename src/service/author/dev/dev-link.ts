import { createConnection, type Socket } from "node:net";
import { createLineSplitter } from "../../../lib/line-splitter.ts";

export interface DevAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection to the daemon's debug server, line by line. */
export interface DevLink {
  /** Blocks of complete lines, read only when they are asked for; ends when the connection does. For one reader. */
  blocks(): AsyncGenerator<string, void>;
  /** Resolves when the socket has taken the text; rejects once it is gone. */
  write(text: string): Promise<void>;
  readonly isOpen: boolean;
  /** Idempotent. */
  close(): void;
}

/** Longer lines of a daemon are none that a plugin could read. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Rejects with the error of the system where nothing listens. */
export async function openDevLink({ host, port }: DevAddress): Promise<DevLink> {
  const socket = createConnection({ host, port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  // Whoever reads or writes is told; without a handler it would end the program.
  socket.on("error", () => socket.destroy());
  socket.setNoDelay(true);
  return {
    blocks: () => blocksOf(socket),
    write: (text) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error("The connection to the daemon is gone"));
        const gone = () => reject(new Error("The connection to the daemon is gone"));
        socket.once("close", gone);
        socket.write(text, (error) => {
          socket.off("close", gone);
          if (error) reject(error);
          else resolve();
        });
      }),
    get isOpen() {
      return !socket.destroyed;
    },
    close: () => socket.destroy(),
  };
}

async function* blocksOf(socket: Socket): AsyncGenerator<string, void> {
  const splitter = createLineSplitter(MAX_LINE_BYTES);
  try {
    for await (const chunk of socket) {
      const bytes: unknown = chunk;
      if (!(bytes instanceof Uint8Array)) continue;
      for (const part of splitter.push(bytes)) if (typeof part === "string") yield part;
    }
    for (const part of splitter.flush()) if (typeof part === "string") yield part;
  } catch {
    // Broken off: as good as ended.
  }
}
