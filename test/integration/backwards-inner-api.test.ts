import { afterEach, describe, expect, test } from "bun:test";
import { encodeFrame } from "../../src/dify/frames.ts";
import { InnerApiError } from "../../src/dify/inner-api-error.ts";
import { type CallOptions, createInnerApi, type InnerApiOptions } from "../../src/dify/inner-api.ts";
import { freePort } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { rejection } from "../support/rejection.ts";

const LIMIT_BYTES = 1024 * 1024;
const OPTIONS: InnerApiOptions = {
  url: undefined,
  key: "inner-key",
  readTimeoutMs: 5000,
  maxAnswerBytes: LIMIT_BYTES,
};
const never: CallOptions = { signal: new AbortController().signal };
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A platform that answers as it is told. */
function platform(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  closers.push(() => void server.stop(true));
  return `http://127.0.0.1:${server.port}`;
}

/** A platform that writes these bytes and hangs up, or stays. */
function bytes(parts: readonly (string | Uint8Array)[], options: { readonly stays?: boolean } = {}) {
  const seen = { connections: 0, closed: 0, requests: 0 };
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void seen.connections++,
      close: () => void seen.closed++,
      async data(socket) {
        seen.requests++;
        for (const part of parts) {
          socket.write(part);
          socket.flush();
          await Bun.sleep(1);
        }
        if (options.stays !== true) socket.end();
      },
    },
  });
  closers.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, seen };
}

const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** One chunk of the transfer coding. */
function chunk(body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
}

async function collected(stream: AsyncIterable<{ readonly raw: string }>) {
  const items: string[] = [];
  try {
    for await (const { raw } of stream) items.push(raw);
  } catch (error) {
    expect(error).toBeInstanceOf(InnerApiError);
    return { items, error: error instanceof InnerApiError ? error : undefined };
  }
  return { items, error: undefined };
}

async function failed(work: Promise<unknown>): Promise<InnerApiError> {
  const error = await rejection(work);
  if (!(error instanceof InnerApiError)) throw new Error(`Not an InnerApiError: ${String(error)}`);
  return error;
}

const good = (data: unknown) => JSON.stringify({ data, error: "" });

describe("InnerApi call()", () => {
  test("posts JSON with the key and the trace, below the path of the base", async () => {
    const seen: unknown[] = [];
    const url = platform(async (request) => {
      const { pathname } = new URL(request.url);
      const { method, headers } = request;
      seen.push({ method, pathname, body: await request.text() });
      seen.push(headers.get("x-inner-api-key"), headers.get("traceparent"), headers.get("content-type"));
      return Response.json({ data: { ok: true }, error: "" });
    });
    const api = createInnerApi({ ...OPTIONS, url: `${url}/prefix/` });
    const traceparent = "00-1-2-01";
    expect(await api.call("invoke/tts", '{"n":1.0}', { ...never, traceparent })).toEqual({
      value: { ok: true },
      raw: '{"ok":true}',
    });
    await api.call("invoke/tts", { a: 1 }, never);
    expect(seen).toEqual([
      { method: "POST", pathname: "/prefix/inner/api/invoke/tts", body: '{"n":1.0}' },
      "inner-key",
      traceparent,
      "application/json",
      { method: "POST", pathname: "/prefix/inner/api/invoke/tts", body: '{"a":1}' },
      "inner-key",
      null,
      "application/json",
    ]);
  });

  test("keeps the platform's own digits, in any layout", async () => {
    const texts = [
      '{"data":{"n":1.0},"error":""}',
      '{ "error": null,\n "data": {"n":1.0} }',
      '{"data":{"n":1.0}}',
    ];
    for (const text of texts) {
      const api = createInnerApi({ ...OPTIONS, url: platform(() => new Response(text)) });
      expect((await api.call("x", {}, never)).raw).toBe('{"n":1.0}');
    }
  });

  test.each([
    ["an error text", '{"data":null,"error":"no luck"}', 200, "request failed: no luck", "answered"],
    [
      "an error text beside data",
      '{"data":{"a":1},"error":"no luck"}',
      200,
      "request failed: no luck",
      "answered",
    ],
    ["no data", '{"data":null,"error":""}', 200, "data is nil", "answered"],
    ["null", "null", 200, "data is nil", "answered"],
    ["Dify's error body", '{"code":"invalid_param","status":400}', 400, "data is nil", "status"],
    ["Dify's word for a wrong key", '{"code":"not_found","status":404}', 404, "data is nil", "status"],
    ["a JSON error of another kind", '{"message":"x"}', 500, "data is nil", "status"],
    [
      "a page of a proxy",
      "<html>oops</html>",
      502,
      "request failed with status code: 502 and respond with: <html>oops</html>",
      "status",
    ],
    ["nothing with a status", "", 401, "request failed with status code: 401 and respond with: ", "status"],
    ["nothing", "", 200, "EOF", "broken"],
    ["no JSON", "<html>", 200, "the answer is no JSON: <html>", "broken"],
  ] as const)("%s is an error", async (_, text, status, message, kind) => {
    const api = createInnerApi({ ...OPTIONS, url: platform(() => new Response(text, { status })) });
    expect(await failed(api.call("x", {}, never))).toMatchObject({ message, kind, phase: "opening" });
  });

  test("what Dify said stands in the cause, for the log", async () => {
    const body = '{"code":"not_found","message":"nothing here"}';
    const api = createInnerApi({ ...OPTIONS, url: platform(() => new Response(body, { status: 404 })) });
    expect(String((await failed(api.call("x", {}, never))).cause)).toContain(
      `status code: 404 and respond with: ${body}`,
    );
  });

  test("follows no redirect, and says where it led", async () => {
    let asked = 0;
    const target = platform(() => {
      asked++;
      return Response.json({ data: {}, error: "" });
    });
    for (const status of [301, 302, 307, 308]) {
      const url = platform(() => new Response(null, { status, headers: { location: `${target}/x` } }));
      const { message } = await failed(createInnerApi({ ...OPTIONS, url }).call("x", {}, never));
      expect(message).toBe(
        `request failed with status code: ${status} and respond with: a redirect to "${target}/x", which is not followed`,
      );
      const { error } = await collected(createInnerApi({ ...OPTIONS, url }).stream("x", {}, never));
      expect(error?.message).toContain("which is not followed");
    }
    expect(asked).toBe(0);
  });

  test("a platform that is down, unknown or not set is named", async () => {
    const url = `http://127.0.0.1:${freePort()}`;
    expect(await failed(createInnerApi({ ...OPTIONS, url }).call("invoke/tts", {}, never))).toMatchObject({
      message: `Post "${url}/inner/api/invoke/tts": connect: connection refused`,
      kind: "unreachable",
    });
    expect((await failed(createInnerApi(OPTIONS).call("x", {}, never))).message).toBe(
      "DIFY_INNER_API_URL is not set on the plugin daemon",
    );
    const api = createInnerApi({ ...OPTIONS, url, key: undefined });
    expect((await failed(api.call("x", {}, never))).message).toContain("DIFY_INNER_API_KEY is not set");
  });

  test.each([
    ["before its head", [], "Post"],
    ["inside its head", ["HTTP/1.1 200 OK\r\nconte"], "Post"],
    ["inside its body", ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"data":'], "the platform closed"],
  ])("an answer that is cut %s is an error", async (_, parts, words) => {
    const { url } = bytes(parts);
    const error = await failed(createInnerApi({ ...OPTIONS, url }).call("x", {}, never));
    expect(error.message).toStartWith(words);
    expect(error.message).toContain("the platform closed the connection");
  });

  test.each([
    ["before its head", []],
    ["behind its head", ["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"]],
  ])("the limit in time counts %s, too", async (_, parts) => {
    const { url, seen } = bytes(parts, { stays: true });
    const error = await failed(createInnerApi({ ...OPTIONS, url, readTimeoutMs: 200 }).call("x", {}, never));
    expect(error.message).toContain("it took longer than 200 ms (DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT)");
    expect(error.kind).toBe("timeout");
    // On a machine that is busy the limit may be over before the platform was reached.
    await until("the request is gone", () => seen.closed === seen.connections);
  });

  test("an answer above the limit is not read on", async () => {
    const large = good({ x: "y".repeat(2 * LIMIT_BYTES) });
    const plain = createInnerApi({ ...OPTIONS, url: platform(() => new Response(large)) });
    expect((await failed(plain.call("x", {}, never))).message).toStartWith("data length is too long: ");
    const packed = Bun.gzipSync(Buffer.from(large));
    expect(packed.length).toBeLessThan(64 * 1024);
    const headers = { "content-encoding": "gzip" };
    const bomb = createInnerApi({ ...OPTIONS, url: platform(() => new Response(packed, { headers })) });
    expect((await failed(bomb.call("x", {}, never))).message).toStartWith("data length is too long: ");
  });

  test("connections are used again", async () => {
    const { url, seen } = bytes(['HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n{"data":{},"error":"" }\n'], {
      stays: true,
    });
    const api = createInnerApi({ ...OPTIONS, url });
    for (let n = 0; n < 20; n++) await api.call("x", {}, never);
    expect(seen).toMatchObject({ connections: 1, requests: 20 });
  });
});

describe("InnerApi with a session that ends", () => {
  test("aborts a call, whatever it waits for", async () => {
    for (const parts of [[], ["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"]]) {
      const { url, seen } = bytes(parts, { stays: true });
      const session = new AbortController();
      const call = createInnerApi({ ...OPTIONS, url }).call("x", {}, { signal: session.signal });
      await until("it was asked", () => seen.requests === 1);
      session.abort();
      expect((await failed(call)).message).toContain("the call has ended");
      await until("the request is gone", () => seen.closed === 1);
    }
  });

  test("asks nothing for one that has ended before", async () => {
    const { url, seen } = bytes([]);
    const api = createInnerApi({ ...OPTIONS, url });
    await failed(api.call("x", {}, { signal: AbortSignal.abort() }));
    expect(seen.connections).toBe(0);
  });

  test("aborts a stream in the middle, and one whose reader leaves", async () => {
    const parts = [STREAM_HEAD, chunk(encodeFrame(good({ n: 1 })))];
    const cut = bytes(parts, { stays: true });
    const session = new AbortController();
    const stream = createInnerApi({ ...OPTIONS, url: cut.url }).stream("x", {}, { signal: session.signal });
    expect((await stream.next()).value).toMatchObject({ value: { n: 1 } });
    session.abort();
    expect((await failed(stream.next())).message).toBe("the call has ended");
    await until("the request is gone", () => cut.seen.closed === 1);

    const left = bytes(parts, { stays: true });
    for await (const { value } of createInnerApi({ ...OPTIONS, url: left.url }).stream("x", {}, never)) {
      expect(value).toEqual({ n: 1 });
      break;
    }
    await until("the request is gone", () => left.seen.closed === 1);
  });
});

describe("InnerApi stream()", () => {
  const frame = (data: unknown) => encodeFrame(good(data));
  const streamed = async (body: Uint8Array) =>
    collected(
      createInnerApi({ ...OPTIONS, url: platform(() => new Response(Buffer.from(body))) }).stream(
        "x",
        {},
        never,
      ),
    );

  test("hands over every frame, however many and however they are cut", async () => {
    const all = Buffer.concat(Array.from({ length: 5000 }, (_, n) => frame({ n, s: "é😀" })));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < all.length; at += 977) pieces.push(chunk(all.subarray(at, at + 977)));
    const { url } = bytes([STREAM_HEAD, Buffer.concat(pieces), "0\r\n\r\n"], { stays: true });
    const { items, error } = await collected(createInnerApi({ ...OPTIONS, url }).stream("x", {}, never));
    expect(error).toBeUndefined();
    expect(items).toHaveLength(5000);
    expect(items[4999]).toBe('{"n":4999,"s":"é😀"}');
  });

  test("no frame at all is a good end", async () => {
    expect(await streamed(new Uint8Array())).toEqual({ items: [], error: undefined });
  });

  test.each([
    ["an error frame", encodeFrame('{"data":null,"error":"no luck"}'), "request failed: no luck"],
    ["an empty frame", encodeFrame('{"data":null,"error":""}'), "data is nil"],
    ["a frame that is no JSON", encodeFrame("not json"), "the answer is no JSON: not json"],
    ["text in place of frames", Buffer.from('{"data":1}'), "magic number mismatch: 123"],
    ["half a head", frame({ n: 2 }).subarray(0, 9), "unexpected EOF\nfailed to read header"],
    ["half a payload", frame({ n: 2 }).subarray(0, 20), "unexpected EOF\nfailed to read data"],
  ])("%s is an error behind what came before", async (_, last, message) => {
    const { items, error } = await streamed(Buffer.concat([frame({ n: 1 }), last]));
    expect(items).toEqual(['{"n":1}']);
    expect(error).toMatchObject({ phase: "reading", message });
  });

  test("a length that lies is seen: too much, and too little", async () => {
    const lying = (length: number) => {
      const bytes = Buffer.from(frame({ n: 2 }));
      bytes.writeUInt32LE(length, 4);
      return bytes;
    };
    expect((await streamed(lying(LIMIT_BYTES + 1))).error?.message).toBe(
      `data length is too long: ${LIMIT_BYTES + 1}`,
    );
    expect((await streamed(lying(1000))).error?.message).toBe("unexpected EOF\nfailed to read data");
    expect((await streamed(lying(1))).error?.message).toBe("the answer is no JSON: {");
  });

  test("a connection that is cut is an error, also between two frames", async () => {
    for (const part of [frame({ n: 1 }), frame({ n: 1 }).subarray(0, 20)]) {
      const { url } = bytes([STREAM_HEAD, chunk(part)]);
      const { error } = await collected(createInnerApi({ ...OPTIONS, url }).stream("x", {}, never));
      expect(error).toMatchObject({ phase: "reading", message: "the platform closed the connection" });
    }
  });

  test("a status is an error that quotes the body, and only its beginning", async () => {
    const respond = (status: number, body: string) =>
      collected(
        createInnerApi({ ...OPTIONS, url: platform(() => new Response(body, { status })) }).stream(
          "x",
          {},
          never,
        ),
      );
    expect((await respond(500, "<html>")).error).toMatchObject({
      phase: "opening",
      message: "request failed with status code: 500 and respond with: <html>",
    });
    expect((await respond(401, '{"code":"x"}')).error?.message).toEndWith('respond with: {"code":"x"}');
    expect((await respond(500, "x".repeat(100_000))).error?.message.length).toBeLessThan(5000);
  });

  test("an error that says what was sent says it without the key", async () => {
    const echo = platform((request) => Response.json(Object.fromEntries(request.headers), { status: 500 }));
    const { error } = await collected(
      createInnerApi({ ...OPTIONS, key: "top-secret", url: echo }).stream("x", {}, never),
    );
    expect(error?.message).toContain('"x-inner-api-key":"***"');
    expect(Bun.inspect(error, { depth: 10 })).not.toContain("top-secret");
  });

  test("a reader that waits makes the platform wait", async () => {
    const piece = frame({ x: "y".repeat(64 * 1024) });
    let sent = 0;
    const url = platform(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(piece);
              if (++sent === 2000) controller.close();
            },
          }),
        ),
    );
    const stream = createInnerApi({ ...OPTIONS, url, readTimeoutMs: 20_000 }).stream("x", {}, never);
    await stream.next();
    let before = -1;
    // It fills the buffers between here and there, and stops.
    await until("the platform waits", () => before === (before = sent), { everyMs: 200 });
    expect(sent).toBeLessThan(1000);
    let items = 1;
    for await (const _ of stream) items++;
    expect(items).toBe(2000);
  });
});
