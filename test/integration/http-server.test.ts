import { describe, expect, test } from "bun:test";
import { createRequestTracker } from "../../src/http/request-tracker.ts";
import { type HttpServer, startServer } from "../../src/http/server.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { createMetrics } from "../../src/service/metrics.ts";
import { until } from "../support/processes.ts";

type Answer = (request: Request) => Response | Promise<Response>;

function start(answer: Answer, { hostname = "127.0.0.1", port = 0 } = {}) {
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const log: Logger = { debug: note, info: () => undefined, warn: note, error: note, with: () => log };
  const server = startServer({
    hostname,
    port,
    maxBodyBytes: 1000,
    limitBody: (request) => request,
    fetch: answer,
    tracker: createRequestTracker({ metrics: createMetrics(), log, logHealth: true }),
    log,
  });
  return { server, lines, url: `http://127.0.0.1:${server.port}/` };
}

/** A socket that stays open between its requests, as those of a client with a pool. */
async function keepAlive(server: HttpServer) {
  const closed = Promise.withResolvers<void>();
  let text = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data: (_socket, data) => void (text += data.toString("utf8")),
      close: () => closed.resolve(),
    },
  });
  return {
    send: (request: string) => socket.write(request),
    text: () => text,
    closed: closed.promise,
  };
}

/** A stream that goes on until the test ends it. */
function endless() {
  const state = { cancelled: false, end: () => undefined as void };
  const answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("first"));
          state.end = () => controller.close();
        },
        cancel() {
          state.cancelled = true;
        },
      }),
    );
  return { state, answer };
}

describe("startServer()", () => {
  test("says which address is taken, and what to do", async () => {
    const { server } = start(() => new Response("first"));
    try {
      expect(() => start(() => new Response("second"), { port: server.port })).toThrow(DaemonError);
      expect(() => start(() => new Response("second"), { port: server.port })).toThrow(
        `Cannot listen on "127.0.0.1:${server.port}": the port is taken`,
      );
    } finally {
      await server.close({ drainMs: 0 });
    }
  });

  test("says that a host is none of this machine", () => {
    expect(() => start(() => new Response(), { hostname: "192.0.2.1" })).toThrow(
      'Cannot listen on "192.0.2.1:0"',
    );
  });

  test("a handler that throws is a 500 without a body, in the log, and the next request is served", async () => {
    let broken = true;
    const { server, lines, url } = start(() => {
      if (broken) throw new TypeError("bug");
      return new Response("fine");
    });
    const response = await fetch(url, { keepalive: false });
    expect([response.status, await response.text()]).toEqual([500, ""]);
    expect(lines).toContain("Request failed");
    broken = false;
    expect(await (await fetch(url, { keepalive: false })).text()).toBe("fine");
    await server.close({ drainMs: 0 });
  });

  test("a body above the limit is a 413", async () => {
    const { server, url } = start(async (request) => new Response(await request.text()));
    const ask = async (bytes: number) =>
      (await fetch(url, { method: "POST", body: "x".repeat(bytes), keepalive: false })).status;
    expect([await ask(1000), await ask(1001)]).toEqual([200, 413]);
    await server.close({ drainMs: 0 });
  });

  test.each([
    ["HTTP/1.0 without a host", "POST /a?b HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "/a?b"],
    ["a host that is none", "POST /a HTTP/1.1\r\nHost: a b\r\nContent-Length: 3\r\n\r\nabc", "/a"],
    ["half an address", "POST /a//b HTTP/1.1\r\nHost: [\r\nContent-Length: 3\r\n\r\nabc", "/a//b"],
    ["an empty host", "POST //a HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\n\r\nabc", "//a"],
  ])("%s is served under another one", async (_, text, path) => {
    const seen: string[] = [];
    const { server } = start(async (request) => {
      seen.push(request.url, await request.text());
      return new Response("fine");
    });
    const socket = await keepAlive(server);
    socket.send(text);
    await until("it is answered", () => socket.text().includes("fine"));
    expect(seen).toEqual([`http://localhost${path}`, "abc"]);
    await server.close({ drainMs: 0 });
  });

  test("close() does not wait for connections without a request", async () => {
    const { server } = start(() => new Response("fine"));
    const socket = await keepAlive(server);
    socket.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until("it is answered", () => socket.text().includes("fine"));
    await server.close({ drainMs: 60_000 });
    await socket.closed;
  });

  test("close() refuses new connections at once and lets an open answer come to its end", async () => {
    const { state, answer } = endless();
    const { server, lines, url } = start(answer);
    const response = await fetch(url, { keepalive: false });
    const closing = server.close({ drainMs: 60_000 });
    await expect(fetch(url, { keepalive: false })).rejects.toThrow();
    state.end();
    expect(await response.text()).toBe("first");
    await closing;
    expect(lines).toEqual([]);
  });

  test("close() cuts what is still open after the limit, and is idempotent", async () => {
    const { state, answer } = endless();
    const { server, lines, url } = start(answer);
    const response = await fetch(url, { keepalive: false });
    const rest = response.text().catch(() => "cut");
    await Promise.all([server.close({ drainMs: 20 }), server.close({ drainMs: 60_000 })]);
    expect(await rest).not.toBe("");
    expect(lines).toEqual(["Cutting answers that are still open"]);
    await until("the stream is told", () => state.cancelled);
  });
});
