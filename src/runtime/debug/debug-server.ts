import type { Socket } from "bun";
import type { Logger } from "../../lib/logger.ts";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { createTcpChannel, type TcpEvents } from "../../transport/tcp.ts";
import { createCounted } from "./counted.ts";
import { BUSY, type ServeConnection } from "./serve-connection.ts";

export interface DebugServerOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** A peer that takes nothing for so long is given up, in milliseconds. */
  readonly writeStallMs: number;
  /** Of one connection, from its first byte to its end. */
  readonly serve: ServeConnection;
  /** Told how many connections there are, registered or not. */
  readonly onCount: (connections: number) => void;
  readonly log: Logger;
}

export interface DebugServer {
  readonly hostname: string;
  readonly port: number;
  /** Takes no more connections, and ends those that there are. Idempotent. */
  close(): Promise<void>;
}

interface Open {
  readonly events: TcpEvents;
  end(): Promise<void>;
}

/** The listener for developers' connections. Throws `startup` where it cannot listen. */
export function startDebugServer(options: DebugServerOptions): DebugServer {
  const { log, serve } = options;
  const addresses = createCounted(options.maxConnectionsPerAddress);
  const open = new Set<Open>();
  /** Holder of what serves them. */
  const served = new Set<Promise<void>>();
  let closing: Promise<void> | undefined;
  const listener = listen();

  function listen() {
    const { hostname, port, tls } = options;
    try {
      return Bun.listen<Open | undefined>({
        hostname,
        port,
        ...(tls && { tls }),
        socket: {
          open: accept,
          data: (socket, bytes) => socket.data?.events.data(bytes),
          drain: (socket) => socket.data?.events.drain(),
          close: (socket, error) => socket.data?.events.closed(error),
          error: (socket, error) => {
            log.debug("Debugging connection failed", { error });
            socket.data?.events.closed(error);
            socket.terminate();
          },
        },
      });
    } catch (cause) {
      throw new DaemonError(
        "startup",
        `Cannot listen for debugging on ${hostname}:${port}: ${errorCode(cause) ?? String(cause)}`,
        {
          cause,
          hint: "Set PLUGIN_REMOTE_INSTALLING_HOST and PLUGIN_REMOTE_INSTALLING_PORT to a free address, or PLUGIN_REMOTE_INSTALLING_ENABLED to false",
        },
      );
    }
  }

  function accept(socket: Socket<Open | undefined>): void {
    const { channel, events } = createTcpChannel(socket, options);
    const one: Open = { events, end: () => channel.end("") };
    socket.data = one;
    const leave =
      closing || open.size >= options.maxConnections ? undefined : addresses.take(channel.address);
    if (!leave) {
      log.debug("Debugging connection refused", { from: channel.label, why: BUSY });
      // Nobody waits for somebody who was not let in; the time limit of `end` is its bound.
      void channel.end(`${BUSY}\n`);
      return;
    }
    open.add(one);
    options.onCount(open.size);
    const work = serve(channel)
      .catch((cause: unknown) => log.error("Cannot serve a debugging connection", { error: cause }))
      .finally(() => {
        leave();
        open.delete(one);
        served.delete(work);
        options.onCount(open.size);
      });
    served.add(work);
  }

  async function closeAll(): Promise<void> {
    listener.stop();
    await Promise.all([...open].map((one) => one.end()));
    while (served.size > 0) await Promise.all(served);
  }

  return {
    hostname: listener.hostname,
    port: listener.port,
    close: () => (closing ??= closeAll()),
  };
}
