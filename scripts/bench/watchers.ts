#!/usr/bin/env bun
/**
 * watchers.ts OPTIONS_JSON: watches a plugin over many connections at once and throws away what it gets, as cheaply as
 * can be: what it costs is taken from the daemon on a small machine. Prints `watching` once all of them are, and on
 * SIGTERM the bytes that came.
 */
interface WatchersOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly count: number;
}

const { url, headers, count } = JSON.parse(process.argv[2] ?? "{}") as WatchersOptions;
const { hostname, port, pathname, search } = new URL(url);
const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: bench\r\n${head.join("")}\r\n`;
const all = Promise.withResolvers<void>();
let watching = 0;
let bytes = 0;

for (let started = 0; started < count; started++)
  await Bun.connect<{ begun: boolean }>({
    hostname,
    port: Number(port),
    data: { begun: false },
    socket: {
      open: (socket) => void socket.write(request),
      data(socket, chunk) {
        bytes += chunk.length;
        if (socket.data.begun) return;
        if (!chunk.toString("latin1", 0, 15).startsWith("HTTP/1.1 200 OK")) process.exit(1);
        socket.data.begun = true;
        if (++watching === count) all.resolve();
      },
      close: () => process.exit(1),
    },
  });
await all.promise;
console.log("watching");
process.on("SIGTERM", () => {
  console.log(bytes);
  process.exit(0);
});
