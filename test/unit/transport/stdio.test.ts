import { describe, expect, test } from "bun:test";
import type { PluginEvent } from "../../../src/protocol/messages.ts";
import { createSdkCodec } from "../../../src/protocol/sdk/codec.ts";
import { createStdioTransport } from "../../../src/transport/stdio.ts";
import { type Transport, TransportClosedError } from "../../../src/transport/transport.ts";
import { createFakeProcess } from "../../support/fake-process.ts";

function setUp(maxLineBytes = 10_000) {
  const fake = createFakeProcess();
  let signs = 0;
  const transport = createStdioTransport(fake.process, {
    codec: createSdkCodec(),
    maxLineBytes,
    onActivity: () => signs++,
  });
  return { fake, transport, signs: () => signs };
}

async function readAll(transport: Transport): Promise<PluginEvent[]> {
  const events: PluginEvent[] = [];
  for await (const batch of transport.incoming) events.push(...batch);
  return events;
}

const item = (value: string) =>
  `{"event":"session","session_id":"s","data":{"type":"stream","data":${value}}}`;
const CANCEL = { kind: "cancel", sessionId: "s" } as const;
const REQUEST = {
  kind: "request",
  sessionId: "s",
  session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
  data: { text: "a\nb" },
} as const;

describe("createStdioTransport() reading", () => {
  test("hands over what one read completed, in order, whatever the line ends", async () => {
    const { fake, transport, signs } = setUp();
    fake.out(`${item("1")}\r\n\r\n${item("2")}\n\n${item("3").slice(0, 30)}`);
    fake.out(`${item("3").slice(30)}\nprint\n`);
    fake.exit({ code: 0 });
    const batches: string[][] = [];
    for await (const batch of transport.incoming)
      batches.push(batch.map((event) => (event.kind === "item" ? event.raw : event.kind)));
    expect(batches).toEqual([
      ["1", "2"],
      ["3", "noise"],
    ]);
    expect(signs()).toBe(2);
    expect(await transport.closed).toEqual({ kind: "peer" });
  });

  test("takes a last line without its end, and characters that are cut by a read", async () => {
    const { fake, transport } = setUp();
    const bytes = new TextEncoder().encode(item('"é你🙂"'));
    for (const byte of bytes) fake.out(Uint8Array.of(byte));
    fake.exit({ code: 0 });
    expect(await readAll(transport)).toMatchObject([{ kind: "item", value: "é你🙂" }]);
  });

  test("keeps a line above the limit in its place", async () => {
    const { fake, transport } = setUp(200);
    fake.out(`${item("1")}\n${item(`"${"x".repeat(300)}"`)}\n${item("2")}\n`);
    fake.exit({ code: 0 });
    expect((await readAll(transport)).map((event) => event.kind)).toEqual(["item", "oversize", "item"]);
  });

  test("reads no further than it is pulled", async () => {
    const { fake, transport, signs } = setUp();
    fake.out(`${item("1")}\n`);
    fake.out(`${item("2")}\n`);
    const reading = transport.incoming[Symbol.asyncIterator]();
    await reading.next();
    await Bun.sleep(0);
    expect(signs()).toBe(1);
    await reading.next();
    expect(signs()).toBe(2);
  });

  test("a pipe that breaks is a reason of its own", async () => {
    const broken = new Error("EIO");
    const stdout = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(broken) });
    const transport = createStdioTransport(
      { pid: 1, stdout, write: async () => undefined },
      { codec: createSdkCodec(), maxLineBytes: 100 },
    );
    expect(await readAll(transport)).toEqual([]);
    expect(await transport.closed).toEqual({ kind: "broken", cause: broken });
  });
});

describe("createStdioTransport() writing", () => {
  test("writes one line for each message, and nothing for what the dialect has not", async () => {
    const { fake, transport } = setUp();
    await transport.send(REQUEST);
    await transport.send(CANCEL);
    expect(fake.written).toHaveLength(1);
    expect(fake.written[0]).toEndWith('"event":"request","data":{"text":"a\\nb"}}\n');
    expect(transport.label).toBe("stdio:4711");
  });

  test("a write that fails says so, and leaves the reading alone", async () => {
    const { fake, transport } = setUp();
    fake.closeStdin();
    await expect(transport.send(REQUEST)).rejects.toThrow(TransportClosedError);
    fake.out(`${item("1")}\n`);
    fake.exit({ code: 0 });
    expect(await readAll(transport)).toMatchObject([{ kind: "item" }]);
    expect(await transport.closed).toEqual({ kind: "peer" });
  });

  test("nothing is sent after the end, whatever ended it", async () => {
    const { fake, transport } = setUp();
    fake.exit({ code: 0 });
    await readAll(transport);
    await expect(transport.send(REQUEST)).rejects.toThrow(
      "Cannot send to stdio:4711: the connection is closed (peer)",
    );
  });
});

describe("createStdioTransport() close()", () => {
  test("wakes a read that waits, and is idempotent", async () => {
    const { transport } = setUp();
    const reading = readAll(transport);
    await Promise.all([transport.close(), transport.close()]);
    expect(await reading).toEqual([]);
    expect(await transport.closed).toEqual({ kind: "local" });
    await expect(transport.send(REQUEST)).rejects.toThrow("(local)");
  });

  test("the first reason stays", async () => {
    const { fake, transport } = setUp();
    fake.exit({ code: 0 });
    await readAll(transport);
    await transport.close();
    expect(await transport.closed).toEqual({ kind: "peer" });
  });

  test("before anything was read ends the reading when it begins", async () => {
    const { transport } = setUp();
    await transport.close();
    expect(await readAll(transport)).toEqual([]);
  });
});

test("createStdioTransport() tells the codec of a message that was dropped before it was written", async () => {
  const dropped: unknown[] = [];
  const fake = createFakeProcess();
  const write = async (_text: string, signal?: AbortSignal) => signal?.throwIfAborted();
  const transport = createStdioTransport(
    { ...fake.process, write },
    { codec: { ...createSdkCodec(), unsent: (message) => dropped.push(message) }, maxLineBytes: 10_000 },
  );
  await transport.send(REQUEST);
  await expect(transport.send(REQUEST, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  expect(dropped).toEqual([REQUEST]);
});
