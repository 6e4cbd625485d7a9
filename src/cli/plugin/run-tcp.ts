import { createServer, type Socket } from "node:net";
import type { RunClient } from "../../service/author/run/serve-client.ts";

export interface RunServer {
  readonly host: string;
  readonly port: number;
  /** Ends all connections and the listening. */
  close(): Promise<void>;
}

/** Every interface of this machine, as the reference: test runners may sit in another container. */
const HOST = "0.0.0.0";

/** Listens on a port that is free; `serve` has a connection until its promise is settled. */
export async function listenForClients(serve: (client: RunClient) => Promise<void>): Promise<RunServer> {
  const sockets = new Set<Socket>();
  // A client that has said all still wants its answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // The failure reaches whoever writes; without a handler it would end the program.
    socket.on("error", () => socket.destroy());
    // The end of what it says must not end what it hears.
    const input = socket.iterator({ destroyOnReturn: false });
    serve({ input, write: (text) => write(socket, text) }).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: HOST, port: 0 }, () => resolve());
  });
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("Cannot tell the port of the listener");
  return {
    host: HOST,
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.destroyed) return reject(new Error("The client is gone"));
    socket.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
