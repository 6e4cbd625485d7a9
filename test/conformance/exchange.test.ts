import { afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { exchange, type Target } from "./exchange.ts";

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server = undefined;
});

/** A server that does as told with each connection once it has read something. */
async function serving(answer: (socket: Socket, request: string) => void): Promise<Target> {
  const started = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data: Buffer) => answer(socket, data.toString("latin1")));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { hostname: "127.0.0.1", port: address.port };
}

const request = { head: "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", body: Buffer.alloc(0) };

test("exchange() sends the very bytes and reads status, headers and body", async () => {
  let seen = "";
  const target = await serving((socket, text) => {
    seen = text;
    socket.end("HTTP/1.1 404 Not Found\r\nX-One: a: b\r\nSet-Cookie: 1\r\nset-cookie: 2\r\n\r\nbody");
  });
  const reply = await exchange(target, { head: "PUT / HTTP/1.1\r\n\r\n", body: Buffer.from([1, 2]) });
  expect(seen).toStartWith("PUT / HTTP/1.1\r\n\r\n");
  expect(reply).toEqual({
    status: 404,
    headers: [
      ["x-one", "a: b"],
      ["set-cookie", "1"],
      ["set-cookie", "2"],
    ],
    body: Buffer.from("body"),
    ended: true,
  });
});

test("exchange() joins chunks, whose content may look like sizes", async () => {
  const target = await serving((socket) =>
    socket.end(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
    ),
  );
  const reply = await exchange(target, request);
  expect(reply.body.toString()).toBe("0\r\n\r\n0123456789");
  expect(reply.ended).toBe(true);
});

test("exchange() tells of a chunked body that breaks off", async () => {
  const target = await serving((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
  );
  expect(await exchange(target, request)).toMatchObject({ body: Buffer.from("abc"), ended: false });
});

test("exchange() gives up reading after the time, with what had come", async () => {
  const target = await serving((socket) =>
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
  );
  expect(await exchange(target, request, { abortAfterMs: 50 })).toMatchObject({
    body: Buffer.from("abc"),
    ended: false,
  });
});

test("exchange() rejects when nothing is answered, or nobody listens", async () => {
  const silent = await serving((socket) => socket.end());
  expect(await exchange(silent, request).catch(String)).toBe(
    'Error: No answer to "GET /x HTTP/1.1": got 0 bytes ""',
  );
  server?.close();
  expect(await exchange(silent, request).catch((error: unknown) => error)).toBeInstanceOf(Error);
});

test("exchange() reads no body of an answer to HEAD, whatever its headers say", async () => {
  const target = await serving((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
  );
  const reply = await exchange(target, { head: "HEAD / HTTP/1.1\r\n\r\n", body: Buffer.alloc(0) });
  expect([reply.body.length, reply.ended]).toEqual([0, true]);
});
