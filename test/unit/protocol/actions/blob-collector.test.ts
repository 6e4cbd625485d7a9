import { describe, expect, test } from "bun:test";
import { ACTIONS } from "../../../../src/protocol/actions/catalogue.ts";
import { ItemError, type ItemDecoder } from "../../../../src/protocol/invocation.ts";

function newDecoder(): ItemDecoder {
  const row = ACTIONS.find((candidate) => candidate.path === "/agent_strategy/invoke");
  if (!row) throw new Error("no row");
  return row.createItemDecoder();
}

interface ChunkOptions {
  readonly end?: boolean;
  readonly meta?: unknown;
}

function send(
  decoder: ItemDecoder,
  id: string,
  data: Uint8Array,
  { end = false, meta = null }: ChunkOptions = {},
) {
  const message = { id, sequence: 0, total_length: 1, blob: Buffer.from(data).toString("base64"), end };
  const item = { type: "blob_chunk", message, meta };
  return decoder(item, JSON.stringify(item));
}

function blobOf(text: string | undefined): Buffer {
  const item = JSON.parse(text ?? "") as { type: string; message: { blob: string } };
  expect(item.type).toBe("blob");
  return Buffer.from(item.message.blob, "base64");
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof ItemError) return error.error;
    throw error;
  }
  return undefined;
}

describe("the decoder of agent strategies", () => {
  test("puts chunks of interleaved files together, the last one's data included", () => {
    const decoder = newDecoder();
    const first = crypto.getRandomValues(new Uint8Array(8192));
    expect(send(decoder, "a", first)).toBeUndefined();
    expect(send(decoder, "b", new Uint8Array([9]))).toBeUndefined();
    const whole = send(decoder, "a", new Uint8Array([1, 2]), { end: true });
    expect(blobOf(whole)).toEqual(Buffer.from([...first, 1, 2]));
    expect(blobOf(send(decoder, "b", new Uint8Array(0), { end: true }))).toEqual(Buffer.from([9]));
    // The id is free again.
    expect(blobOf(send(decoder, "a", new Uint8Array(0), { end: true }))).toHaveLength(0);
  });

  test("takes meta from the last chunk, to the digit", () => {
    const decoder = newDecoder();
    send(decoder, "a", new Uint8Array([0]), { meta: { name: "first" } });
    const raw =
      '{"type":"blob_chunk","message":{"id":"a","total_length":1,"blob":"","end":true},"meta":{"name":"last","n":1.0}}';
    expect(decoder(JSON.parse(raw), raw)).toBe(
      '{"type":"blob","message":{"blob":"AA=="},"meta":{"name":"last","n":1.0}}',
    );
    const bare = '{"type":"blob_chunk","message":{"id":"a","total_length":1,"blob":"","end":true}}';
    expect(decoder(JSON.parse(bare), bare)).toBe('{"type":"blob","message":{"blob":""},"meta":null}');
  });

  test("keeps the files of two calls apart", () => {
    const one = newDecoder();
    const other = newDecoder();
    send(one, "a", new Uint8Array([1]));
    expect(blobOf(send(other, "a", new Uint8Array([2]), { end: true }))).toEqual(Buffer.from([2]));
  });

  test("skips a chunk that lacks a key", () => {
    const decoder = newDecoder();
    const message: Record<string, unknown> = { id: "a", total_length: 1, blob: "AA==", end: true };
    for (const key of Object.keys(message)) {
      const item = { type: "blob_chunk", message: { ...message, [key]: undefined }, meta: null };
      expect(decoder(item, JSON.stringify(item))).toBeUndefined();
    }
    const empty = { type: "blob_chunk", message: null, meta: null };
    expect(decoder(empty, JSON.stringify(empty))).toBeUndefined();
  });

  test("ends a call whose chunk decodes to more than 8192 bytes", () => {
    expect(errorOf(() => send(newDecoder(), "a", new Uint8Array(8193)))).toEqual({
      error_type: "unmarshal_error",
      message: "single file chunk is too large",
      args: { limit_bytes: 8192 },
    });
  });

  test("ends a call whose file grows beyond 15 MiB", () => {
    const decoder = newDecoder();
    const chunk = new Uint8Array(8192);
    for (let sent = 0; sent < 1920; sent++) send(decoder, "a", chunk);
    expect(errorOf(() => send(decoder, "a", new Uint8Array(1)))).toEqual({
      error_type: "unmarshal_error",
      message: "file is too large",
      args: { limit_bytes: 15 * 1024 * 1024 },
    });
  });

  test("ends a call that leaves ever more files unfinished", () => {
    const decoder = newDecoder();
    const error = errorOf(() => {
      for (let id = 0; id < 10_000; id++) send(decoder, String(id), new Uint8Array(8192));
    });
    expect(error).toMatchObject({ message: "file is too large" });
  });

  test("does not make another file of what is no base64", () => {
    const item = {
      type: "blob_chunk",
      message: { id: "a", total_length: 1, blob: "a*b=", end: true },
      meta: null,
    };
    expect(errorOf(() => newDecoder()(item, JSON.stringify(item)))).toMatchObject({
      error_type: "unmarshal_error",
    });
  });

  test("passes every other message as tools do", () => {
    const raw = '{"type":"blob","message":{"blob":"AA=="},"meta":{"n":1.0}}';
    expect(newDecoder()(JSON.parse(raw), raw)).toBe(raw);
  });
});
