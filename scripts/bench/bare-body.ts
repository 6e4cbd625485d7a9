#!/usr/bin/env bun
/** bare-body.ts: the least that can send the bodies that it is given: `PUT /name` keeps one, `GET /name` sends it. Prints its port. */
const bodies = new Map<string, Blob>();
const HEADERS = { "content-type": "application/json; charset=utf-8" };

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: 2 ** 30,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") {
      bodies.set(pathname, await request.blob());
      return new Response();
    }
    return new Response(bodies.get(pathname) ?? null, { headers: HEADERS });
  },
});
console.log(server.port);
