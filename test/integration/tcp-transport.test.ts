import { afterEach, describe, expect, test } from "bun:test";
import type { PluginEvent } from "../../src/protocol/messages.ts";
import { createSdkCodec } from "../../src/protocol/sdk/codec.ts";
import { createLineTransport } from "../../src/transport/line-transport.ts";
import { createTcpChannel, type TcpChannel, type TcpEvents } from "../../src/transport/tcp.ts";
import { type Transport, TransportClosedError } from "../../src/transport/transport.ts";
import { connectDebug, type DebugClient } from "../support/debug-client.ts";
import { until } from "../support/processes.ts";

const closers: (() => PromiseLike<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Pair {
  readonly client: DebugClient;
  readonly channel: TcpChannel;
}

async function pair(options: { writeStallMs?: number; halfOpen?: boolean } = {}): Promise<Pair> {
  const { writeStallMs = 10_000, halfOpen = false } = options;
  const accepted = Promise.withResolvers<TcpChannel>();
  const listener = Bun.listen<TcpEvents>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const { channel, events } = createTcpChannel(socket, { writeStallMs });
        socket.data = events;
        accepted.resolve(channel);
      },
      data: (socket, bytes) => socket.data.data(bytes),
      drain: (socket) => socket.data.drain(),
      close: (socket, error) => socket.data.closed(error),
    },
  });
  closers.push(() => listener.stop(true));
  const client = await connectDebug(listener.port, { halfOpen });
  closers.push(() => client[Symbol.asyncDispose]());
  return { client, channel: await accepted.promise };
}

async function connected(
  maxLineBytes = 1_000_000,
): Promise<Pair & { transport: Transport; signs: () => number }> {
  const made = await pair();
  let signs = 0;
  const transport = createLineTransport(made.channel, {
    codec: createSdkCodec(),
    maxLineBytes,
    onActivity: () => signs++,
  });
  return { ...made, transport, signs: () => signs };
}

async function readAll(transport: Transport): Promise<PluginEvent[]> {
  const events: PluginEvent[] = [];
  for await (const batch of transport.incoming) events.push(...batch);
  return events;
}

const line = (value: string) =>
  `{"event":"session","session_id":"s","data":{"type":"stream","data":${value}}}`;
const request = (text: string) =>
  ({
    kind: "request",
    sessionId: "s",
    session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
    data: { text },
  }) as const;

describe("a transport over TCP, reading", () => {
  test("hands messages over in order, whatever the pieces and the line ends", async () => {
    const { client, transport } = await connected();
    client.sendRaw(`${line("1")}\n\n${line('"é你🙂"').slice(0, 50)}`);
    client.sendRaw(`${line('"é你🙂"').slice(50)}\r\nprint\n${line("3")}`);
    const reading = readAll(transport);
    await until("everything was sent", async () => client.unsent === 0);
    client.hangUp();
    expect((await reading).map((event) => (event.kind === "item" ? event.value : event.kind))).toEqual([
      1,
      "é你🙂",
      "noise",
      3,
    ]);
    expect(await transport.closed).toEqual({ kind: "peer" });
  });

  test("what was sent before the peer hung up arrives, also to a slow reader", async () => {
    const { client, transport } = await connected();
    const count = 20_000;
    client.sendRaw(`${line('"x"')}\n`.repeat(count));
    await until("everything was sent", async () => client.unsent === 0, { withinMs: 200 }).catch(
      () => undefined,
    );
    const reading = readAll(transport);
    await until("everything was sent", async () => client.unsent === 0);
    client.hangUp();
    expect(await reading).toHaveLength(count);
  });

  test("reads no further than it is pulled, and the peer is held back", async () => {
    const { client, transport, signs } = await connected();
    client.sendRaw(`${line(`"${"x".repeat(1000)}"`)}\n`.repeat(30_000));
    const reading = transport.incoming[Symbol.asyncIterator]();
    await reading.next();
    await until("the peer has to wait", async () => client.unsent > 1_000_000);
    expect(signs()).toBe(1);
    await transport.close();
  });

  test("drops a line above the limit while it passes", async () => {
    const { client, transport } = await connected(1000);
    client.sendRaw(`${line("1")}\n${line(`"${"x".repeat(200_000)}"`)}\n${line("2")}\n`);
    const reading = readAll(transport);
    await until("everything was sent", async () => client.unsent === 0);
    client.hangUp();
    expect((await reading).map((event) => event.kind)).toEqual(["item", "oversize", "item"]);
  });

  test("bytes that were read too far come first", async () => {
    const { client, channel } = await pair();
    client.sendRaw("abc");
    expect(Buffer.from((await channel.read()) ?? []).toString()).toBe("abc");
    channel.unread(Buffer.from("bc"));
    expect(Buffer.from((await channel.read()) ?? []).toString()).toBe("bc");
  });
});

describe("a transport over TCP, writing", () => {
  test("a message larger than every buffer arrives whole, and the next one behind it", async () => {
    const { client, transport } = await connected(100);
    const text = "y".repeat(8_000_000);
    client.pause();
    let sent = 0;
    const sending = [request(text), request("last")].map((message) =>
      transport.send(message).then(() => sent++),
    );
    await Bun.sleep(0);
    expect(sent).toBe(0);
    client.resume();
    const first = (await client.next()) as { data: { text: string } };
    expect(first.data.text.length).toBe(text.length);
    expect(await client.next()).toMatchObject({ data: { text: "last" } });
    await Promise.all(sending);
  });

  test("a message that waits for its turn is taken back with its signal", async () => {
    const { client, transport } = await connected(100);
    client.pause();
    const leave = new AbortController();
    const large = transport.send(request("y".repeat(8_000_000)));
    const waiting = transport.send(request("unwanted"), leave.signal);
    const last = transport.send(request("last"));
    leave.abort(new Error("left"));
    client.resume();
    await large;
    await expect(waiting).rejects.toThrow("left");
    await last;
    await client.next();
    expect(await client.next()).toMatchObject({ data: { text: "last" } });
  });

  test("a peer that takes nothing is given up", async () => {
    const { client, channel } = await pair({ writeStallMs: 300 });
    client.pause();
    await expect(channel.write("z".repeat(8_000_000))).rejects.toThrow("has taken nothing");
    await channel.gone;
    await expect(channel.read()).rejects.toThrow("has taken nothing");
  });

  test("a send fails when the peer is gone, and after the end", async () => {
    const { client, transport } = await connected();
    const reading = readAll(transport);
    client.hangUp();
    await reading;
    await expect(transport.send(request("late"))).rejects.toThrow(TransportClosedError);
  });
});

describe("a transport over TCP, closing", () => {
  test("close() ends the reading and the peer's connection, and is idempotent", async () => {
    const { client, transport } = await connected();
    const reading = readAll(transport);
    await transport.close();
    await transport.close();
    expect(await reading).toEqual([]);
    expect(await transport.closed).toEqual({ kind: "local" });
    await client.closed;
  });

  test("last words reach a peer that has sent more than anybody reads", async () => {
    const { client, channel } = await pair();
    client.sendRaw("q".repeat(3_000_000));
    await channel.read();
    await channel.end("refused\n");
    expect(await client.rest()).toEqual(["refused"]);
  });

  test("a peer that never closes its side is cut off", async () => {
    const { channel, client } = await pair({ halfOpen: true });
    await channel.end("bye\n");
    expect(await client.next()).toBe("bye");
    expect(await channel.read()).toBeUndefined();
  });
});
