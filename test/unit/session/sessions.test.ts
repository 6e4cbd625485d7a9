import { describe, expect, spyOn, test } from "bun:test";
import type { PluginEvent, SessionContext } from "../../../src/protocol/messages.ts";
import type { Invocation, InvocationEnd } from "../../../src/protocol/invocation.ts";
import { ItemError } from "../../../src/protocol/invocation.ts";
import { createSessions, type OpenSession, type SessionsOptions } from "../../../src/session/sessions.ts";
import { createMemoryTransport } from "../../../src/transport/memory.ts";
import { type Transport, TransportClosedError } from "../../../src/transport/transport.ts";
import { until } from "../../support/processes.ts";

const NO_CONTEXT: SessionContext = {
  conversationId: null,
  messageId: null,
  appId: null,
  endpointId: null,
  context: null,
};

const never = new AbortController().signal;

function setUp(
  options: Partial<SessionsOptions> = {},
  adapt: (transport: Transport) => Transport = (transport) => transport,
) {
  const memory = createMemoryTransport();
  const { peer } = memory;
  const transport = adapt(memory.transport);
  const noise: string[] = [];
  const sessions = createSessions(transport, {
    label: "a/b:0.0.1",
    budgetBytes: 1_000_000,
    stallMs: 10_000,
    onHeartbeat: () => undefined,
    onLog: () => undefined,
    onNoise: (text) => noise.push(text),
    describeEnd: async (reason) => ({ error_type: "ConnectionClosedError", message: reason.kind, args: {} }),
    ...options,
  });
  const open = (sessionId: string, more: Partial<OpenSession> = {}, signal: AbortSignal = never) =>
    sessions.open(
      {
        sessionId,
        session: NO_CONTEXT,
        data: {},
        decodeItem: (_value, raw) => raw,
        onBackwardsCall: async () => undefined,
        timeoutMs: 60_000,
        ...more,
      },
      signal,
    );
  return { sessions, transport, peer, open, noise };
}

const item = (sessionId: string, raw: string): PluginEvent => ({
  kind: "item",
  sessionId,
  raw,
  value: JSON.parse(raw),
});

async function drain(invocation: Invocation): Promise<{ items: string[]; end: InvocationEnd }> {
  const items: string[] = [];
  for (;;) {
    const taken = await invocation.take();
    items.push(...taken.items);
    if (taken.end) return { items, end: taken.end };
  }
}

describe("createSessions()", () => {
  test("sends the request and hands over items, then the end", async () => {
    const { peer, open } = setUp();
    const invocation = await open("s1", { data: { type: "tool" } });
    expect(peer.received).toEqual([
      { kind: "request", sessionId: "s1", session: NO_CONTEXT, data: { type: "tool" } },
    ]);
    void peer.emit(item("s1", "1"), item("s1", "2"), { kind: "end", sessionId: "s1" });
    expect(await invocation.take()).toEqual({ items: ["1", "2"], end: { kind: "completed" } });
    expect(invocation.delivered).toEqual({ items: 2, bytes: 2 });
  });

  test("tells of the first item once, whether somebody waits for it or comes later", async () => {
    const { peer, open } = setUp();
    const told: string[] = [];
    const early = await open("s1", { onFirstItem: () => told.push("s1") });
    const late = await open("s2", { onFirstItem: () => told.push("s2") });
    const taken = early.take();
    await peer.emit(item("s1", "1"), item("s1", "2"), item("s2", "1"));
    await taken;
    expect(told).toEqual(["s1"]);
    await late.take();
    void early.take();
    await peer.emit(item("s1", "3"));
    expect(told).toEqual(["s1", "s2"]);
  });

  test("keeps sessions apart and drops messages of unknown ones", async () => {
    const { peer, open, sessions } = setUp();
    const [a, b] = [await open("a"), await open("b")];
    void peer.emit(item("b", '"b1"'), item("nobody", "0"), item("a", '"a1"'), {
      kind: "end",
      sessionId: "a",
    });
    expect(await drain(a)).toEqual({ items: ['"a1"'], end: { kind: "completed" } });
    expect(sessions.count).toBe(1);
    void peer.emit({ kind: "end", sessionId: "b" });
    expect((await drain(b)).items).toEqual(['"b1"']);
    expect(sessions.count).toBe(0);
  });

  test("delivers what is queued before the plugin's error, and nothing after it", async () => {
    const { peer, open } = setUp();
    const invocation = await open("s");
    const error = { error_type: "E", message: "m", args: {} };
    void peer.emit(item("s", "1"), { kind: "error", sessionId: "s", error }, item("s", "2"), {
      kind: "end",
      sessionId: "s",
    });
    expect(await drain(invocation)).toEqual({ items: ["1"], end: { kind: "plugin_error", error } });
  });

  test("ends every call at once when the connection ends", async () => {
    const { peer, open, sessions } = setUp();
    const calls = await Promise.all(Array.from({ length: 50 }, (_, i) => open(`s${i}`)));
    peer.hangUp();
    const ends = await Promise.all(calls.map(drain));
    expect(new Set(ends.map(({ end }) => end.kind))).toEqual(new Set(["connection_closed"]));
    expect(await sessions.ended).toEqual({ kind: "peer" });
    await expect(open("late")).rejects.toThrow(TransportClosedError);
    expect(sessions.count).toBe(0);
  });

  test("ends a session whose item breaks the contract", async () => {
    const { peer, open } = setUp();
    const error = { error_type: "unmarshal_error", message: "unmarshal json failed: no" };
    const invocation = await open("s", {
      decodeItem(value, raw) {
        if (value === 2) throw new ItemError(error);
        return raw;
      },
    });
    void peer.emit(item("s", "1"), item("s", "2"), item("s", "3"));
    expect(await drain(invocation)).toEqual({ items: ["1"], end: { kind: "plugin_error", error } });
  });

  test("a fault in a decoder ends its session and no other", async () => {
    const { peer, open } = setUp();
    const broken = await open("broken", {
      decodeItem() {
        throw new RangeError("bug");
      },
    });
    const fine = await open("fine");
    void peer.emit(item("broken", "1"), item("fine", "1"), { kind: "end", sessionId: "fine" });
    expect((await drain(broken)).end).toMatchObject({
      kind: "plugin_error",
      error: { error_type: "PluginDaemonInnerError" },
    });
    expect((await drain(fine)).end).toEqual({ kind: "completed" });
  });

  test("ends a call at its limit in time", async () => {
    const { open } = setUp();
    expect((await drain(await open("s", { timeoutMs: 5 }))).end).toEqual({ kind: "timeout" });
  });

  test("a client that leaves leaves nothing behind, and the plugin is told", async () => {
    const { peer, open, sessions } = setUp();
    const invocation = await open("s");
    void peer.emit(item("s", "1"));
    await invocation.take();
    invocation.cancel();
    invocation.cancel();
    expect(await invocation.ended).toEqual({ kind: "cancelled" });
    expect(sessions.count).toBe(0);
    expect(peer.received.map((message) => message.kind)).toEqual(["request", "cancel"]);
  });

  test("a client may leave at any time, also through the signal, and its listener goes with the call", async () => {
    const { open, sessions } = setUp();
    const leave = new AbortController();
    const invocation = await open("s", {}, leave.signal);
    leave.abort(new Error("gone"));
    expect(await invocation.ended).toEqual({ kind: "cancelled" });
    await expect(open("t", {}, leave.signal)).rejects.toThrow("gone");
    expect(sessions.count).toBe(0);

    const stays = new AbortController();
    const [added, removed] = [
      spyOn(stays.signal, "addEventListener"),
      spyOn(stays.signal, "removeEventListener"),
    ];
    (await open("u", {}, stays.signal)).cancel();
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
  });

  test("a plugin that does not read its requests holds neither who leaves nor a call whose time is over", async () => {
    const { open, sessions } = setUp({}, (transport) => ({
      ...transport,
      send: () => new Promise<void>(() => undefined),
    }));
    const leave = new AbortController();
    const leaving = open("a", {}, leave.signal);
    const late = open("b", { timeoutMs: 5 });
    leave.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(await (await late).take()).toEqual({ items: [], end: { kind: "timeout" } });
    expect(sessions.count).toBe(0);
  });

  test("a connection that ends under the request says whether the plugin had it", async () => {
    const sending = Promise.withResolvers<void>();
    const { open, peer } = setUp({}, (transport) => ({ ...transport, send: () => sending.promise }));
    const call = open("s");
    peer.hangUp();
    sending.reject(new TransportClosedError("memory", { kind: "peer" }));
    await expect(call).rejects.toThrow(TransportClosedError);
  });

  test("a fault in a handler ends the connection and every call with it", async () => {
    const { open, peer, sessions } = setUp({
      onHeartbeat() {
        throw new RangeError("bug");
      },
    });
    const invocation = await open("s");
    void peer.emit({ kind: "heartbeat" });
    expect((await drain(invocation)).end.kind).toBe("connection_closed");
    expect(await sessions.ended).toMatchObject({ kind: "broken", cause: new RangeError("bug") });
    await expect(open("late")).rejects.toThrow(TransportClosedError);
  });

  test("an oversize line ends the call that it belongs to", async () => {
    const { peer, open } = setUp();
    const [a, b] = [await open("a"), await open("b")];
    void peer.emit({ kind: "oversize", sessionId: "a", sizeBytes: 40_000_000, limitBytes: 1000 });
    expect((await drain(a)).end).toMatchObject({
      kind: "plugin_error",
      error: {
        error_type: "PluginMessageTooLargeError",
        args: { size_bytes: 40_000_000, limit_bytes: 1000 },
      },
    });
    void peer.emit({ kind: "oversize", sessionId: undefined, sizeBytes: 2000, limitBytes: 1000 });
    expect((await drain(b)).end.kind).toBe("plugin_error");
  });

  test("a call back reaches the handler with the way to answer, while its session lives", async () => {
    const calls: unknown[] = [];
    const { peer, open } = setUp();
    await open("s", {
      async onBackwardsCall(call) {
        calls.push(call.request);
        await call.reply('{"ok":1.0}');
      },
    });
    await peer.next();
    void peer.emit({ kind: "invoke", sessionId: "nobody", request: 1, raw: "1" });
    void peer.emit({ kind: "invoke", sessionId: "s", request: { type: "storage" }, raw: "{}" });
    expect(await peer.next()).toEqual({
      kind: "backwards_response",
      sessionId: "s",
      session: NO_CONTEXT,
      data: '{"ok":1.0}',
    });
    expect(calls).toEqual([{ type: "storage" }]);
  });

  test("whenIdle() waits for the last call", async () => {
    const { peer, open, sessions } = setUp();
    await sessions.whenIdle();
    const invocation = await open("s");
    let idle = false;
    const waiting = sessions.whenIdle().then(() => {
      idle = true;
    });
    await Promise.resolve();
    expect(idle).toBe(false);
    void peer.emit({ kind: "end", sessionId: "s" });
    await drain(invocation);
    await waiting;
    expect(idle).toBe(true);
  });
});

describe("createSessions() with a slow client", () => {
  const big = JSON.stringify("x".repeat(1000));
  const END_OF_OVER: PluginEvent = { kind: "end", sessionId: "over" };

  test("goes on reading while the budget lasts, then pauses until the client takes", async () => {
    const { peer, open, sessions } = setUp({ budgetBytes: 2500, stallMs: 60_000 });
    const slow = await open("slow");
    for (let i = 0; i < 3; i++) await peer.emit(item("slow", big));
    let pulled = false;
    const fourth = peer.emit(item("slow", big)).then(() => {
      pulled = true;
    });
    await Bun.sleep(1);
    expect(pulled).toBe(false);
    expect(sessions.paused).toBe(true);
    expect((await slow.take()).items).toHaveLength(3);
    void slow.take();
    await fourth;
    expect(sessions.paused).toBe(false);
  });

  test("ends the slowest when others wait behind it, with an error that says so", async () => {
    const { peer, open } = setUp({ budgetBytes: 2500, stallMs: 5 });
    const slow = await open("slow");
    const other = await open("other");
    for (let i = 0; i < 3; i++) await peer.emit(item("slow", big));
    void peer.emit(item("other", "1"), { kind: "end", sessionId: "other" });
    expect(await drain(other)).toEqual({ items: ["1"], end: { kind: "completed" } });
    const end = (await drain(slow)).end;
    expect(end).toMatchObject({ kind: "overflow", error: { error_type: "SlowConsumerError" } });
  });

  test("never ends a lone slow client: its plugin waits", async () => {
    const { peer, open, sessions } = setUp({ budgetBytes: 2500, stallMs: 2 });
    const slow = await open("slow");
    for (let i = 0; i < 3; i++) await peer.emit(item("slow", big));
    await Bun.sleep(15);
    expect(sessions.count).toBe(1);
    const rest = drain(slow);
    await peer.emit({ kind: "end", sessionId: "slow" });
    expect(await rest).toMatchObject({ end: { kind: "completed" } });
  });

  test("ends a call that is over, too, when others wait behind what its client left", async () => {
    const { peer, open } = setUp({ budgetBytes: 2500, stallMs: 5 });
    const over = await open("over");
    const other = await open("other");
    for (let i = 0; i < 3; i++) await peer.emit(item("over", big), ...(i < 2 ? [] : [END_OF_OVER]));
    void peer.emit(item("other", "1"), { kind: "end", sessionId: "other" });
    expect(await drain(other)).toEqual({ items: ["1"], end: { kind: "completed" } });
    expect(await over.ended).toEqual({ kind: "completed" });
    expect(await drain(over)).toMatchObject({ items: [], end: { kind: "overflow" } });
  });

  test("never ends calls that are over and hurt nobody", async () => {
    const { peer, open, sessions } = setUp({ budgetBytes: 3500, stallMs: 2 });
    const over = await open("over");
    const too = await open("too");
    await peer.emit(item("too", big), { kind: "end", sessionId: "too" });
    for (let i = 0; i < 3; i++) await peer.emit(item("over", big), ...(i < 2 ? [] : [END_OF_OVER]));
    await Bun.sleep(15);
    expect(sessions.paused).toBe(true);
    expect(await drain(too)).toMatchObject({ items: [big], end: { kind: "completed" } });
    expect(await drain(over)).toMatchObject({ items: [big, big, big], end: { kind: "completed" } });
    expect(sessions.paused).toBe(false);
  });

  test("a spent budget does not hold up the end of the connection", async () => {
    const { peer, open, sessions, transport } = setUp({ budgetBytes: 2500, stallMs: 60_000 });
    const slow = await open("slow");
    for (let i = 0; i < 3; i++) await peer.emit(item("slow", big));
    await until("reading is paused", () => sessions.paused);
    await transport.close();
    expect(await sessions.ended).toEqual({ kind: "local" });
    expect(await drain(slow)).toMatchObject({ items: [big, big, big], end: { kind: "connection_closed" } });
  });

  test("hands over at most about a megabyte at once, in order", async () => {
    const { peer, open } = setUp({ budgetBytes: 100_000_000 });
    const invocation = await open("s");
    const items = Array.from({ length: 40 }, (_, i) => JSON.stringify(`${i}`.padEnd(100_000, "x")));
    await peer.emit(...items.map((raw) => item("s", raw)), { kind: "end", sessionId: "s" });
    const first = await invocation.take();
    expect(first.items.length).toBeLessThan(15);
    expect(first.end).toBeUndefined();
    const rest = await drain(invocation);
    expect([...first.items, ...rest.items]).toEqual(items);
  });
});

describe("createSessions() at a breakpoint", () => {
  const breakpoint = { kind: "breakpoint", file: "a.py", line: 3, variables: { q: 1 } } as const;
  const reload = { kind: "reload", status: "success", message: "done" } as const;

  test("hands breakpoints and reloads to whoever wants them; to others they are noise", async () => {
    const told: unknown[] = [];
    const watched = setUp({
      onBreakpoint: (event) => told.push(event),
      onReload: (event) => told.push(event),
    });
    await watched.peer.emit({ ...breakpoint, sessionId: undefined }, reload);
    const deaf = setUp();
    await deaf.peer.emit({ ...breakpoint, sessionId: undefined }, reload);
    await until("both were read", () => told.length === 2 && deaf.noise.length === 2);
    expect(told).toEqual([{ ...breakpoint, sessionId: undefined }, reload]);
    expect(deaf.noise).toEqual(["breakpoint at a.py:3", "reload: success done"]);
  });

  test("the limit of the call that stands there rests until it goes on, and of no other", async () => {
    const { sessions, peer, open } = setUp({ onBreakpoint: () => undefined });
    const [stopped, other] = await Promise.all([
      open("s1", { timeoutMs: 100 }),
      open("s2", { timeoutMs: 100 }),
    ]);
    await peer.emit({ ...breakpoint, sessionId: "s1" });
    expect(await other.ended).toEqual({ kind: "timeout" });
    expect(sessions.count).toBe(1);
    expect(sessions.paused).toBe(true);
    const sent = peer.received.length;
    await sessions.resume();
    expect(peer.received.slice(sent)).toEqual([{ kind: "continue" }]);
    expect(sessions.paused).toBe(false);
    expect(await stopped.ended).toEqual({ kind: "timeout" });
  });

  test("an item says that it goes on", async () => {
    const { peer, open } = setUp({ onBreakpoint: () => undefined });
    const invocation = await open("s1", { timeoutMs: 50 });
    await peer.emit({ ...breakpoint, sessionId: undefined });
    await peer.emit(item("s1", "1"));
    expect(await invocation.ended).toEqual({ kind: "timeout" });
  });

  test("where nobody could let it go on a breakpoint is no way around the limit", async () => {
    const { sessions, peer, open } = setUp();
    const invocation = await open("s1", { timeoutMs: 50 });
    await peer.emit({ ...breakpoint, sessionId: "s1" });
    expect(sessions.paused).toBe(false);
    expect(await invocation.ended).toEqual({ kind: "timeout" });
  });
});
