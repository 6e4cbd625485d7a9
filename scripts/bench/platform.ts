#!/usr/bin/env bun
/** platform.ts: the least that can stand for the platform: answers every request with the same summary. Prints its port. */
const ANSWER = '{"data":{"summary":"It was a long one"},"error":""}';
const HEADERS = { "content-type": "application/json" };

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    await request.text();
    return new Response(ANSWER, { headers: HEADERS });
  },
});
console.log(server.port);
