import { describe, expect, test } from "bun:test";
import { createHookBodies } from "../../src/http/hook-bodies.ts";
import { rejection } from "../support/rejection.ts";

const KIB = 1024;

function post(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  headers: Readonly<Record<string, string>> = {},
): Request {
  return new Request("http://localhost/e/h/", { method: "POST", body, headers });
}

/** A body of unknown length, whose pieces come when the test says so. */
function pieces() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    readable,
    write: (bytes: number) => writer.write(new Uint8Array(bytes)),
    close: () => writer.close(),
  };
}

describe("createHookBodies()", () => {
  const limits = { maxBytes: 100 * KIB, maxHeldBytes: 150 * KIB, timeoutMs: 5000 };

  test.each([
    ["none", null, 0],
    ["a small one", "abc", 3],
    ["a large one", new Uint8Array(100 * KIB), 100 * KIB],
  ])("reads %s", async (_, body, bytes) => {
    const given = post(body, body === null ? {} : { "content-length": String(bytes) });
    expect(await createHookBodies(limits).use(given, async (read) => read.byteLength)).toBe(bytes);
  });

  test("puts together what comes in pieces", async () => {
    const { readable, write, close } = pieces();
    const read = createHookBodies(limits).use(post(readable), async (body) => body.byteLength);
    await write(10);
    await write(20);
    await close();
    expect(await read).toBe(30);
  });

  test("refuses what is too large: when it says so, or at the piece that makes it so", async () => {
    const bodies = createHookBodies(limits);
    const work = async () => {
      throw new Error("not to be called");
    };
    const announced = post("abc", { "content-length": String(100 * KIB + 1) });
    const { readable, write } = pieces();
    const streamed = bodies.use(post(readable), work);
    void write(100 * KIB);
    void write(1).catch(() => undefined);
    for (const refused of [bodies.use(announced, work), streamed])
      expect(await rejection(refused)).toMatchObject({
        code: "too_large",
        message: "Cannot take a body of more than 102400 bytes",
      });
  });

  test("holds bodies of all requests together within a bound, until their work is done", async () => {
    const bodies = createHookBodies(limits);
    const done = Promise.withResolvers<void>();
    const large = () => post(new Uint8Array(90 * KIB), { "content-length": String(90 * KIB) });
    const began = Promise.withResolvers<void>();
    const first = bodies.use(large(), async () => {
      began.resolve();
      await done.promise;
    });
    await began.promise;
    expect(await rejection(bodies.use(large(), async () => undefined))).toMatchObject({ code: "overloaded" });
    // A small one still fits, and what was refused is not held.
    await bodies.use(post("abc", { "content-length": "3" }), async () => undefined);
    done.resolve();
    await first;
    await bodies.use(large(), async () => undefined);
  });

  test("lets go of a body whose work fails", async () => {
    const bodies = createHookBodies({ ...limits, maxHeldBytes: 10 });
    for (let n = 0; n < 5; n++)
      await rejection(
        bodies.use(post("abcdef", { "content-length": "6" }), async () => {
          throw new Error("no");
        }),
      );
    expect(await bodies.use(post("abc", { "content-length": "3" }), async () => "fits")).toBe("fits");
  });

  test("waits no longer than the limit for a sender that stops, in whatever form it sends", async () => {
    const bodies = createHookBodies({ ...limits, timeoutMs: 30 });
    const { readable, write } = pieces();
    const chunked = bodies.use(post(readable), async () => undefined);
    void write(5);
    const announced = bodies.use(post(pieces().readable, { "content-length": "5" }), async () => undefined);
    for (const late of [chunked, announced])
      expect(await rejection(late)).toMatchObject({
        code: "bad_request",
        message: "Cannot read the body: it took longer than 0.03 s (PLUGIN_MAX_EXECUTION_TIMEOUT)",
      });
  });
});
