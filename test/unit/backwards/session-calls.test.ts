import { describe, expect, test } from "bun:test";
import type { InvocationEnd } from "../../../src/protocol/invocation.ts";
import type { DaemonMessage, PluginEvent } from "../../../src/protocol/messages.ts";
import type { BackwardsCall, OnBackwardsCall } from "../../../src/session/backwards.ts";
import { createSessions } from "../../../src/session/sessions.ts";
import { createMemoryTransport } from "../../../src/transport/memory.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";

const SESSION = { conversationId: "c", messageId: null, appId: null, endpointId: null, context: null };

/** Sessions over memory; `stuck` stands for a plugin that does not read its pipe any more. */
function setUp() {
  const { transport, peer } = createMemoryTransport();
  const pipe = { stuck: undefined as Promise<void> | undefined };
  const slow: Transport = {
    ...transport,
    async send(message: DaemonMessage) {
      if (message.kind === "backwards_response") await pipe.stuck;
      await transport.send(message);
    },
  };
  const sessions = createSessions(slow, {
    label: "a/b:0.0.1",
    budgetBytes: 1_000_000,
    stallMs: 20,
    onHeartbeat: () => undefined,
    onLog: () => undefined,
    onNoise: () => undefined,
    describeEnd: async () => ({ error_type: "ConnectionClosedError", message: "gone" }),
  });
  const open = (sessionId: string, onBackwardsCall: OnBackwardsCall, signal = new AbortController().signal) =>
    sessions.open(
      {
        sessionId,
        session: SESSION,
        data: {},
        decodeItem: (_value, raw) => raw,
        onBackwardsCall,
        timeoutMs: 60_000,
      },
      signal,
    );
  const answers = () =>
    peer.received.flatMap((message) => (message.kind === "backwards_response" ? [message.data] : []));
  return { sessions, peer, open, answers, pipe };
}

const invoke = (sessionId: string, raw = "{}"): PluginEvent => ({
  kind: "invoke",
  sessionId,
  request: JSON.parse(raw),
  raw,
});

/** A handler that keeps the call open until it is told to answer. */
function keeping() {
  const calls: BackwardsCall[] = [];
  const done = Promise.withResolvers<void>();
  const handler: OnBackwardsCall = (call) => {
    calls.push(call);
    return done.promise;
  };
  return { calls, handler, finish: done.resolve };
}

describe("calls back of a session", () => {
  test("run side by side, and each gets the request as the plugin wrote it", async () => {
    const { peer, open, answers } = setUp();
    const { calls, handler } = keeping();
    await open("s", handler);
    await peer.emit(invoke("s", '{"a":1}'), invoke("s", '{"n":1.0}'));
    await until("both calls are there", () => calls.length === 2);
    expect(calls.map(({ raw }) => raw)).toEqual(['{"a":1}', '{"n":1.0}']);
    expect(calls[0]?.request).toEqual({ a: 1 });
    await calls[1]?.reply('"second"');
    await calls[0]?.reply('"first"');
    expect(answers()).toEqual(['"second"', '"first"']);
  });

  test.each([
    ["the plugin ends it", { kind: "end", sessionId: "s" }],
    ["the plugin breaks it", { kind: "error", sessionId: "s", error: { error_type: "E", message: "" } }],
  ] as const)("are aborted when %s, and a late answer goes nowhere", async (_, event) => {
    const { peer, open, answers } = setUp();
    const { calls, handler } = keeping();
    await open("s", handler);
    await peer.emit(invoke("s"), event, invoke("s"));
    await until("the call is there", () => calls[0]?.signal.aborted === true);
    expect(String(await rejection(calls[0]?.reply("late") ?? Promise.resolve()))).toContain("has ended");
    expect(calls).toHaveLength(1);
    expect(answers()).toEqual([]);
  });

  test("are aborted when the client leaves", async () => {
    const { peer, open } = setUp();
    const { calls, handler } = keeping();
    const client = new AbortController();
    await open("s", handler, client.signal);
    await peer.emit(invoke("s"));
    await until("the call is there", () => calls.length === 1);
    expect(calls[0]?.signal.aborted).toBe(false);
    client.abort();
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  test("wait no more for room when the client leaves, though others still fill it", async () => {
    const { peer, open } = setUp();
    const [full, mine] = [keeping(), keeping()];
    const client = new AbortController();
    await open("full", full.handler);
    await open("mine", mine.handler, client.signal);
    await peer.emit(invoke("full"), invoke("mine"));
    await until("both calls are there", () => full.calls.length + mine.calls.length === 2);
    await full.calls[0]?.hold.grow(1024 ** 3);
    let waits = true;
    const room = mine.calls[0]?.hold.grow(1).then(() => {
      waits = false;
    });
    await Bun.sleep(0);
    expect(waits).toBe(true);
    client.abort();
    await room;
    expect(waits).toBe(false);
  });

  test("are aborted when the plugin is gone", async () => {
    const { peer, open, sessions } = setUp();
    const { calls, handler } = keeping();
    await open("s", handler);
    await peer.emit(invoke("s"));
    await until("the call is there", () => calls.length === 1);
    peer.hangUp();
    await sessions.ended;
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  test("cannot name another session", async () => {
    const { peer, open, answers } = setUp();
    const [mine, other] = [keeping(), keeping()];
    await open("mine", mine.handler);
    await open("other", other.handler);
    await peer.emit(invoke("nobody"), invoke("other"));
    await until("the call is there", () => other.calls.length === 1);
    expect(mine.calls).toEqual([]);
    await other.calls[0]?.reply("1");
    expect(peer.received.at(-1)).toMatchObject({ kind: "backwards_response", sessionId: "other" });
    expect(answers()).toHaveLength(1);
  });

  test("a malformed one ends the session with its error", async () => {
    const { peer, open } = setUp();
    const error = { error_type: "invoke_dify_error", message: "invoke dify failed: x" };
    const invocation = await open("s", async (call) => call.fail(error));
    await peer.emit(invoke("s"));
    expect(await invocation.ended).toEqual({ kind: "plugin_error", error });
  });

  test("a handler that breaks ends its session and no other", async () => {
    const { peer, open, sessions } = setUp();
    const invocation = await open("s", () => Promise.reject(new Error("a bug")));
    await open("other", async () => undefined);
    await peer.emit(invoke("s"));
    expect(await invocation.ended).toMatchObject({
      kind: "plugin_error",
      error: { error_type: "PluginDaemonInnerError", message: "Cannot answer a call back: Error: a bug" },
    });
    expect(sessions.count).toBe(1);
  });

  test("what waits for a pipe that nobody reads is taken back with its session", async () => {
    const { peer, open, answers, pipe } = setUp();
    const read = Promise.withResolvers<void>();
    pipe.stuck = read.promise;
    const { calls, handler } = keeping();
    await open("s", handler);
    await open("other", async (call) => call.reply('"other"'));
    await peer.emit(invoke("s"));
    await until("the call is there", () => calls.length === 1);
    // Small ones would go out together.
    const large = (n: number) => JSON.stringify(`${n}${"x".repeat(64 * 1024)}`);
    const replies = Array.from({ length: 100 }, (_, n) =>
      rejection(calls[0]?.reply(large(n)) ?? Promise.resolve()),
    );
    await peer.emit(invoke("other"), { kind: "end", sessionId: "s" });
    for (const error of await Promise.all(replies)) expect(String(error)).toContain("its session has ended");
    pipe.stuck = undefined;
    read.resolve();
    await until("the other one is answered", () => answers().includes('"other"'));
    // The first was on its way already.
    expect(answers()).toEqual([large(0), '"other"']);
  });

  test("replies of one turn are on their way together", async () => {
    const { peer, open, answers, pipe } = setUp();
    const read = Promise.withResolvers<void>();
    pipe.stuck = read.promise;
    const { calls, handler } = keeping();
    await open("s", handler);
    await peer.emit(invoke("s"));
    await until("the call is there", () => calls.length === 1);
    const replies = Promise.all([calls[0]?.reply("1"), calls[0]?.reply("2")]);
    await Bun.sleep(0);
    read.resolve();
    await replies;
    expect(answers()).toEqual(["1", "2"]);
  });

  test("replies wait for the pipe, so that the platform waits, too", async () => {
    const { peer, open, pipe } = setUp();
    const read = Promise.withResolvers<void>();
    pipe.stuck = read.promise;
    const { calls, handler } = keeping();
    await open("s", handler);
    await peer.emit(invoke("s"));
    await until("the call is there", () => calls.length === 1);
    let taken = false;
    const reply = calls[0]?.reply("1").then(() => {
      taken = true;
    });
    await Bun.sleep(0);
    expect(taken).toBe(false);
    read.resolve();
    await reply;
    expect(taken).toBe(true);
  });
});

describe("a plugin with too many calls back", () => {
  const SIZE = 64 * 1024 * 1024;
  const large = { kind: "invoke", request: {}, raw: "x".repeat(SIZE) } as const;

  test("is not read until some are answered", async () => {
    const { peer, open, sessions } = setUp();
    const { calls, handler, finish } = keeping();
    await open("s", handler);
    for (let n = 0; n < 4; n++) await peer.emit({ ...large, sessionId: "s" });
    const unread = peer.emit(invoke("s"));
    await until("reading is paused", () => sessions.paused);
    expect(calls).toHaveLength(4);
    finish();
    await unread;
    await until("reading goes on", () => calls.length === 5);
    expect(sessions.paused).toBe(false);
  });

  test("loses the session that has most of them when others wait behind it", async () => {
    const { peer, open } = setUp();
    const greedy = keeping();
    const ends: InvocationEnd[] = [];
    const invocation = await open("greedy", greedy.handler);
    void invocation.ended.then((end) => ends.push(end));
    const other = await open("other", async (call) => call.reply("1"));
    for (let n = 0; n < 4; n++) await peer.emit({ ...large, sessionId: "greedy" });
    const unread = peer.emit({ kind: "end", sessionId: "other" });
    await until("the greedy one has ended", () => ends.length === 1);
    expect(ends[0]).toMatchObject({ kind: "plugin_error", error: { error_type: "TooManyCallsBackError" } });
    // Its handlers see that they are aborted, and let go.
    expect(greedy.calls.every(({ signal }) => signal.aborted)).toBe(true);
    greedy.finish();
    await unread;
    expect(await other.ended).toEqual({ kind: "completed" });
  });
});
