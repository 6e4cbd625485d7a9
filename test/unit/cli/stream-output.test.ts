import { expect, test } from "bun:test";
import { type OutputStream, streamOutput } from "../../../src/cli/stream-output.ts";

/** A stream whose writes end when the test says so. */
function heldStream() {
  const writes: { text: string; done: (error?: Error | null) => void }[] = [];
  let onError: (error: Error) => void = () => {};
  const stream: OutputStream = {
    write: (text, done) => writes.push({ text, done }),
    on: (_, handler) => (onError = handler),
    isTTY: true,
    columns: 0,
  };
  return { stream, writes, fail: (error: Error) => onError(error) };
}

const errno = (code: string) => Object.assign(new Error(`${code}: failed`), { code });

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test("streamOutput() is drained once every write has ended", async () => {
  const { stream, writes } = heldStream();
  const output = streamOutput(stream);
  await output.drained();
  output.write("a");
  output.write("");
  output.write("b");
  expect(writes.map(({ text }) => text)).toEqual(["a", "b"]);
  const drained = output.drained();
  writes[0]?.done();
  expect(await isSettled(drained)).toBe(false);
  writes[1]?.done(null);
  await drained;
});

test("streamOutput() tells that nobody reads any more, and writes nothing from then on", async () => {
  const { stream, writes } = heldStream();
  const output = streamOutput(stream);
  output.write("a");
  const drained = output.drained();
  writes[0]?.done(errno("EPIPE"));
  await expect(drained).rejects.toThrow("nobody reads it");
  output.write("b");
  expect(writes).toHaveLength(1);
  await expect(output.drained()).rejects.toThrow("nobody reads it");
});

test("streamOutput() keeps the first failure, also one that comes as an event", async () => {
  const { stream, fail } = heldStream();
  const output = streamOutput(stream);
  fail(errno("ENOSPC"));
  fail(errno("EPIPE"));
  await expect(output.drained()).rejects.toThrow("Cannot write the output: ENOSPC: failed");
});

test("streamOutput() tells what the stream is now", () => {
  const { stream } = heldStream();
  expect(streamOutput(stream)).toMatchObject({ isTerminal: true, columns: 80 });
  expect(streamOutput({ ...stream, isTTY: false, columns: 120 })).toMatchObject({
    isTerminal: false,
    columns: 120,
  });
});
