import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TOOL_ACTIONS } from "../../src/protocol/actions/tool.ts";
import type { Codec, DaemonMessage } from "../../src/protocol/messages.ts";
import { createPlainCodec } from "../../src/protocol/plain/codec.ts";
import { createSdkCodec } from "../../src/protocol/sdk/codec.ts";
import type { Invocation } from "../../src/protocol/invocation.ts";
import type { OnBackwardsCall } from "../../src/session/backwards.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { createMemoryTransport } from "../../src/transport/memory.ts";
import { createLineTransport } from "../../src/transport/line-transport.ts";
import { createStdioTransport } from "../../src/transport/stdio.ts";
import { createTcpChannel, type TcpEvents } from "../../src/transport/tcp.ts";
import { type Transport, TransportClosedError } from "../../src/transport/transport.ts";
import { type DialectName, startDialectsPlugin } from "../support/dialects-plugin.ts";
import { until } from "../support/processes.ts";

/*
 * The contract of the session layer, which does not know which dialect it speaks nor what carries it: one suite over all
 * pairs. A further carrier is one line in `CARRIERS`.
 */

const MAX_LINE_BYTES = 100_000;
const PLUGIN = join(import.meta.dir, "../support/dialects-plugin.ts");

/** A connection to a running plugin. */
interface Carried {
  readonly transport: Transport;
  /** Ends the plugin's side. */
  hangUp(): void;
}

type Carrier = (dialect: DialectName, codec: Codec) => Promise<Carried>;

const CARRIERS: Readonly<Record<string, Carrier>> = { stdio: overStdio, tcp: overTcp, memory: overMemory };

const DIALECTS: Readonly<Record<DialectName, () => Codec>> = {
  sdk: createSdkCodec,
  plain: () => createPlainCodec(),
};

const leaving: (() => unknown)[] = [];
afterEach(async () => {
  for (const leave of leaving.splice(0)) await leave();
});

async function overStdio(dialect: DialectName, codec: Codec): Promise<Carried> {
  const child = Bun.spawn([process.execPath, PLUGIN, dialect], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const transport = createStdioTransport(
    { pid: child.pid, stdout: child.stdout, write: async (text) => void (await child.stdin.write(text)) },
    { codec, maxLineBytes: MAX_LINE_BYTES },
  );
  leaving.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  return { transport, hangUp: () => child.kill("SIGKILL") };
}

async function overTcp(dialect: DialectName, codec: Codec): Promise<Carried> {
  const accepted = Promise.withResolvers<Transport>();
  const listener = Bun.listen<TcpEvents>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const { channel, events } = createTcpChannel(socket, { writeStallMs: 10_000 });
        socket.data = events;
        accepted.resolve(createLineTransport(channel, { codec, maxLineBytes: MAX_LINE_BYTES }));
      },
      data: (socket, bytes) => socket.data.data(bytes),
      drain: (socket) => socket.data.drain(),
      close: (socket, error) => socket.data.closed(error),
    },
  });
  const child = Bun.spawn([process.execPath, PLUGIN, dialect, String(listener.port)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  leaving.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
    listener.stop(true);
  });
  return { transport: await accepted.promise, hangUp: () => child.kill("SIGKILL") };
}

/** The bytes of the dialect, without anything that carries them. */
async function overMemory(dialect: DialectName, codec: Codec): Promise<Carried> {
  const { transport, peer } = createMemoryTransport();
  const write = (text: string) =>
    text
      .split("\n")
      .map((line) =>
        peer.emit(
          ...(line.length > MAX_LINE_BYTES
            ? [codec.decodeOversize(line.slice(0, 200), line.length, MAX_LINE_BYTES)]
            : codec.decode(line)),
        ),
      );
  const feed = startDialectsPlugin(dialect, write);
  const send = async (message: DaemonMessage, signal?: AbortSignal) => {
    await transport.send(message, signal);
    for (const line of codec.encode(message)?.split("\n") ?? []) if (line !== "") feed(line);
  };
  return { transport: { ...transport, send }, hangUp: () => peer.hangUp() };
}

const CONTEXT = { conversationId: null, messageId: null, appId: null, endpointId: null, context: null };
const decodeTool = TOOL_ACTIONS[0]?.createItemDecoder();

const BUDGET_BYTES = 1_000_000;

async function connect(carrier: Carrier, dialect: DialectName, { stallMs = 1000 } = {}) {
  const { transport, hangUp } = await carrier(dialect, DIALECTS[dialect]());
  const beaten = Promise.withResolvers<void>();
  const noise: string[] = [];
  const sessions = createSessions(transport, {
    label: "tests/dialects:0.0.1",
    budgetBytes: BUDGET_BYTES,
    stallMs,
    onHeartbeat: () => beaten.resolve(),
    onLog: () => undefined,
    onNoise: (text) => noise.push(text),
    describeEnd: async ({ kind }) => ({ error_type: "ConnectionClosedError", message: kind }),
  });
  leaving.push(() => transport.close());
  let opened = 0;

  async function open(
    parameters: Readonly<Record<string, unknown>>,
    more: {
      readonly signal?: AbortSignal;
      readonly onBackwardsCall?: OnBackwardsCall;
      readonly timeoutMs?: number;
    } = {},
  ) {
    const {
      signal = new AbortController().signal,
      onBackwardsCall = async () => undefined,
      timeoutMs = 20_000,
    } = more;
    const data = {
      type: "tool",
      action: "invoke_tool",
      tool: "act",
      tool_parameters: parameters,
      credentials: {},
    };
    const sessionId = `session-${++opened}`;
    const decodeItem = decodeTool ?? (() => undefined);
    return sessions.open(
      { sessionId, session: CONTEXT, data, decodeItem, onBackwardsCall, timeoutMs },
      signal,
    );
  }

  /** Everything of a call: its texts, and how it ended. */
  async function call(...args: Parameters<typeof open>) {
    return rest(await open(...args));
  }

  async function rest(invocation: Invocation) {
    const texts: string[] = [];
    for (;;) {
      const { items, end } = await invocation.take();
      texts.push(...items.map((item) => JSON.parse(item).message.text));
      if (end) return { texts, end };
    }
  }

  return { transport, sessions, open, call, rest, hangUp, beaten: beaten.promise, noise };
}

for (const [carrierName, carrier] of Object.entries(CARRIERS))
  for (const dialect of ["sdk", "plain"] as const)
    describe(`a plugin that speaks ${dialect} over ${carrierName}`, () => {
      test("answers one item", async () => {
        const { call } = await connect(carrier, dialect);
        expect(await call({ mode: "one" })).toEqual({ texts: ["one"], end: { kind: "completed" } });
      });

      test("streams in order, several calls at a time", async () => {
        const { call } = await connect(carrier, dialect);
        const expected = Array.from({ length: 300 }, (_, at) => String(at));
        for (const { texts, end } of await Promise.all([
          call({ mode: "many", n: 300 }),
          call({ mode: "many", n: 300 }),
        ])) {
          expect(texts).toEqual(expected);
          expect(end.kind).toBe("completed");
        }
      });

      test("fails with a type, a message and a code", async () => {
        const { call } = await connect(carrier, dialect);
        expect(await call({ mode: "fail" })).toEqual({
          texts: [],
          end: {
            kind: "plugin_error",
            error: { error_type: "RateLimitError", message: "slow down", args: { code: "RATE" } },
          },
        });
      });

      test("is told that nobody waits any more, where the dialect has words for it", async () => {
        const { open, call } = await connect(carrier, dialect);
        const before = Number((await call({ mode: "cancelled" })).texts[0]);
        const leave = new AbortController();
        const invocation = await open({ mode: "hang" }, { signal: leave.signal });
        expect((await invocation.take()).items).toHaveLength(1);
        leave.abort();
        expect(await invocation.ended).toEqual({ kind: "cancelled" });
        expect((await call({ mode: "cancelled" })).texts).toEqual([
          String(before + (dialect === "plain" ? 1 : 0)),
        ]);
      });

      test("is told as well when the time of a call is over", async () => {
        const { call } = await connect(carrier, dialect);
        const before = Number((await call({ mode: "cancelled" })).texts[0]);
        const { end } = await call({ mode: "hang" }, { timeoutMs: 300 });
        expect(end).toEqual({ kind: "timeout" });
        expect((await call({ mode: "cancelled" })).texts).toEqual([
          String(before + (dialect === "plain" ? 1 : 0)),
        ]);
      });

      test("loses the call in whose name it says what the dialect does not know", async () => {
        const { call } = await connect(carrier, dialect);
        expect((await call({ mode: "babble" })).end).toMatchObject({
          kind: "plugin_error",
          error: {
            error_type: dialect === "sdk" ? "unknown_stream_message_type" : "PluginProtocolError",
            message: expect.stringContaining("babble"),
          },
        });
        expect((await call({ mode: "one" })).end.kind).toBe("completed");
      });

      test("is not heard after the end of a call: another item, end or error", async () => {
        const { call } = await connect(carrier, dialect);
        for (const _ of [1, 2])
          expect(await call({ mode: "late" })).toEqual({ texts: ["in time"], end: { kind: "completed" } });
        expect(await call({ mode: "one" })).toEqual({ texts: ["one"], end: { kind: "completed" } });
      });

      test("calls back, and the answer reaches it", async () => {
        const { call } = await connect(carrier, dialect);
        const asked: unknown[] = [];
        const onBackwardsCall: OnBackwardsCall = async (callBack) => {
          asked.push(callBack.request);
          const id = '{"backwards_request_id":"b1"';
          await callBack.reply(`${id},"event":"response","message":"struct","data":{"data":true}}`);
          await callBack.reply(`${id},"event":"end","message":"","data":null}`);
        };
        expect((await call({ mode: "back" }, { onBackwardsCall })).texts).toEqual(['{"data":true}']);
        expect(asked).toEqual([
          { type: "storage", backwards_request_id: "b1", request: { opt: "exist", key: "k" } },
        ]);
      });

      test("calls back, and the refusal reaches it", async () => {
        const { call } = await connect(carrier, dialect);
        const onBackwardsCall: OnBackwardsCall = async (callBack) => {
          const id = '{"backwards_request_id":"b1"';
          await callBack.reply(`${id},"event":"error","message":"no such permission","data":null}`);
          await callBack.reply(`${id},"event":"end","message":"","data":null}`);
        };
        expect(await call({ mode: "back" }, { onBackwardsCall })).toEqual({
          texts: ['"no such permission"'],
          end: { kind: "completed" },
        });
      });

      test("waits while nobody takes what it says, and loses nothing of it", async () => {
        const { open, rest, sessions } = await connect(carrier, dialect);
        const invocation = await open({ mode: "flood", n: 60, size: 50_000 });
        await until("it is not read", () => sessions.paused);
        expect(invocation.delivered.bytes).toBeLessThan(2 * BUDGET_BYTES);
        const { texts, end } = await rest(invocation);
        expect(end.kind).toBe("completed");
        expect(texts.map((text) => Number.parseInt(text, 10))).toEqual(
          Array.from({ length: 60 }, (_, at) => at),
        );
        expect(sessions.paused).toBe(false);
      });

      test("loses the call that nobody takes where others wait behind it", async () => {
        const { open, call } = await connect(carrier, dialect, { stallMs: 100 });
        const slow = await open({ mode: "flood", n: 60, size: 50_000 });
        expect((await call({ mode: "one" })).end.kind).toBe("completed");
        expect(await slow.take()).toMatchObject({
          items: [],
          end: { kind: "overflow", error: { error_type: "SlowConsumerError" } },
        });
      });

      test("gives a sign of life", async () => {
        const { transport, beaten } = await connect(carrier, dialect);
        // The SDK beats by itself, and is sent nothing.
        await transport.send({ kind: "heartbeat" });
        await beaten;
      });

      test("loses the call of a line above the limit, and lives", async () => {
        const { call } = await connect(carrier, dialect);
        const [large, other] = await Promise.all([
          call({ mode: "large", n: 2 * MAX_LINE_BYTES }),
          call({ mode: "many", n: 10 }),
        ]);
        expect(large.end).toMatchObject({
          kind: "plugin_error",
          error: { error_type: "PluginMessageTooLargeError", args: { limit_bytes: MAX_LINE_BYTES } },
        });
        expect(other.end.kind).toBe("completed");
        expect((await call({ mode: "one" })).end.kind).toBe("completed");
      });

      test("ends its open calls when it goes, and is sent nothing more", async () => {
        const { open, sessions, hangUp } = await connect(carrier, dialect);
        const invocation = await open({ mode: "hang" });
        await invocation.take();
        hangUp();
        expect(await invocation.ended).toMatchObject({
          kind: "connection_closed",
          error: { error_type: "ConnectionClosedError", message: "peer" },
        });
        expect(await sessions.ended).toEqual({ kind: "peer" });
        expect(sessions.count).toBe(0);
        await expect(open({ mode: "one" })).rejects.toBeInstanceOf(TransportClosedError);
      });

      test("ends its open calls when the daemon closes, and is sent nothing more", async () => {
        const { open, sessions, transport } = await connect(carrier, dialect);
        const invocation = await open({ mode: "hang" });
        await invocation.take();
        await transport.close();
        expect(await invocation.ended).toMatchObject({
          kind: "connection_closed",
          error: { message: "local" },
        });
        expect(await sessions.ended).toEqual({ kind: "local" });
        await transport.close();
        await expect(open({ mode: "one" })).rejects.toBeInstanceOf(TransportClosedError);
      });
    });
