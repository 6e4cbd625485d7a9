#!/usr/bin/env bun
/**
 * bare-relay.ts PLUGIN_DIR PYTHON: the least that can serve a plugin's items as events, as the floor of every ratio.
 *
 * One process, lines cut at byte 10, the session found by position, the payload copied between two constants. No key, no
 * checks, no limits, no state. Prints its port.
 */
const [folder = ".", python = "python3"] = process.argv.slice(2);
const child = Bun.spawn([python, "-m", "main"], {
  cwd: folder,
  stdin: "pipe",
  stdout: "pipe",
  stderr: "inherit",
});

interface Client {
  write(bytes: Uint8Array): unknown;
  flush(): unknown;
  close(): unknown;
  done(): void;
}

const clients = new Map<string, Client>();
const HEAD = Buffer.from('data: {"code":0,"message":"success","data":');
const TAIL = Buffer.from("}\n\n");
const SESSION = '"session_id":"';
const STREAM = '"type":"stream","data":';
const NEWLINE = 10;
const QUOTE = 34;

async function relay(): Promise<void> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of child.stdout) {
    const bytes =
      rest.length > 0
        ? Buffer.concat([rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const written = new Map<string, Uint8Array[]>();
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; from = at + 1, at = bytes.indexOf(NEWLINE, from)) {
      const line = bytes.subarray(from, at);
      const idAt = line.indexOf(SESSION);
      if (idAt < 0) continue;
      const id = line.toString("latin1", idAt + SESSION.length, line.indexOf(QUOTE, idAt + SESSION.length));
      const client = clients.get(id);
      if (!client) continue;
      const parts = written.get(id) ?? [];
      written.set(id, parts);
      const payloadAt = line.indexOf(STREAM);
      if (payloadAt > 0) {
        parts.push(HEAD, line.subarray(payloadAt + STREAM.length, line.length - 2), TAIL);
        continue;
      }
      if (parts.length > 0) client.write(Buffer.concat(parts));
      written.delete(id);
      clients.delete(id);
      client.close();
      client.done();
    }
    for (const [id, parts] of written) {
      const client = clients.get(id);
      client?.write(Buffer.concat(parts));
      client?.flush();
    }
    rest = from < bytes.length ? bytes.slice(from) : new Uint8Array(0);
  }
}

let next = 0;
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const id = `s${next++}`;
    const { data } = (await request.json()) as { data: Readonly<Record<string, unknown>> };
    const action = request.url.endsWith("/llm/invoke") ? "invoke_llm" : "invoke_tool";
    const source = {
      type: "direct" as const,
      pull: (controller: Omit<Client, "done">) =>
        new Promise<void>((done) => {
          clients.set(id, {
            write: (bytes) => controller.write(bytes),
            flush: () => controller.flush(),
            close: () => controller.close(),
            done,
          });
          void child.stdin.write(
            `${JSON.stringify({ session_id: id, event: "request", data: { ...data, action } })}\n`,
          );
          void child.stdin.flush();
        }),
    };
    return new Response(new ReadableStream(source), { headers: { "content-type": "text/event-stream" } });
  },
});
console.log(server.port);
await relay();
