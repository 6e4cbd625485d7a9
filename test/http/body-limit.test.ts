import { expect, test } from "bun:test";
import { BindingError } from "../../src/http/binding-error.ts";
import { createBodyLimit } from "../../src/http/body-limit.ts";
import { failureOf, statusOf } from "../../src/http/errors.ts";
import { rejection } from "../support/rejection.ts";

const limit = createBodyLimit({ maxBytes: 100, except: ["/upload/bundle"] });

interface Options {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Lengths of the chunks in which the body arrives. */
  readonly chunks?: readonly number[];
}

function post({ path = "/a", headers = {}, chunks = [] }: Options): Request {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const length of chunks) controller.enqueue(new Uint8Array(length));
      controller.close();
    },
  });
  return new Request(`http://localhost${path}`, { method: "POST", headers, body });
}

const announcing = (length: string) => ({ "content-length": length });

test.each<[string, Options]>([
  ["an announced body at the limit", { headers: announcing("100"), chunks: [100] }],
  ["chunks up to the limit", { chunks: [60, 40] }],
  ["what is received onto the disk", { path: "/t/upload/bundle?x=1", chunks: [200] }],
  ["what is announced for the disk", { path: "/t/upload/bundle", headers: announcing("200"), chunks: [200] }],
])("createBodyLimit() lets %s through", async (_, options) => {
  const bytes = await limit(post(options)).bytes();
  expect(bytes.byteLength).toBe((options.chunks ?? []).reduce((sum, length) => sum + length, 0));
});

test.each<[string, Options]>([
  ["an announced body above it", { headers: announcing("101"), chunks: [101] }],
  ["an announced body that has not come", { headers: announcing("1e9") }],
  ["a length that is none", { headers: announcing("much"), chunks: [1] }],
  ["chunks above it", { chunks: [60, 41] }],
  [
    "chunks above it, whatever was announced",
    { headers: { ...announcing("1"), "transfer-encoding": "chunked" }, chunks: [101] },
  ],
  ["another path with the name in its query", { path: "/a?/upload/bundle", chunks: [101] }],
])("createBodyLimit() fails the reading of %s", async (_, options) => {
  const error = await rejection(limit(post(options)).text());
  expect(error).toBeInstanceOf(BindingError);
  expect(statusOf(error, { typed: false })).toBe(413);
  expect(failureOf(error).message).toContain("larger than 100 bytes, the limit that PLUGD_MAX_REQUEST_BYTES");
});

test("createBodyLimit() reads no further than the limit, and lets go of the rest", async () => {
  let sent = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 64;
      controller.enqueue(new Uint8Array(64));
    },
    cancel: () => void (cancelled = true),
  });
  const request = new Request("http://localhost/a", { method: "POST", body });
  expect(await rejection(limit(request).text())).toBeInstanceOf(BindingError);
  expect(sent).toBeLessThan(1000);
  expect(cancelled).toBe(true);
});

test("createBodyLimit() leaves a request without a body, and one within the limit, as they are", () => {
  const get = new Request("http://localhost/a");
  expect(limit(get)).toBe(get);
  const small = post({ headers: announcing("5"), chunks: [5] });
  expect(limit(small)).toBe(small);
});

test("createBodyLimit() keeps the method, the headers and the client's leaving", async () => {
  const leaving = new AbortController();
  const given = new Request("http://localhost/a?b", {
    method: "PUT",
    headers: { "x-a": "1" },
    body: new Blob(["x"]).stream(),
    signal: leaving.signal,
  });
  const limited = limit(given);
  expect(limited).not.toBe(given);
  expect([limited.method, limited.url, limited.headers.get("x-a")]).toEqual([
    "PUT",
    "http://localhost/a?b",
    "1",
  ]);
  leaving.abort();
  expect(limited.signal.aborted).toBe(true);
});
