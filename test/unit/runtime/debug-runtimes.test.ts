import { describe, expect, test } from "bun:test";
import { createLogger } from "../../../src/lib/create-logger.ts";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import type { DebugConnection } from "../../../src/runtime/debug/debug-connection.ts";
import { createDebugRuntimes } from "../../../src/runtime/debug/debug-runtimes.ts";
import type { DebuggedPlugin } from "../../../src/runtime/debug/debugged-plugin.ts";
import type { InvocationRequest } from "../../../src/runtime/runtime.ts";
import { createSessions } from "../../../src/session/sessions.ts";
import { createMemoryTransport } from "../../../src/transport/memory.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";
import { declarationOf } from "../store/test-store.ts";

const log = createLogger({ level: "ERROR", format: "text", write: () => undefined });
const never = new AbortController().signal;

function plugin(name: string, version = "0.0.1", tenantId = "t1"): DebuggedPlugin {
  return {
    tenantId,
    identifier: requireIdentifier(`tests/${name}:${version}@${"a".repeat(64)}`),
    declaration: declarationOf(name),
    assets: new Map(),
    assetIds: [],
  };
}

function connection() {
  const { transport, peer } = createMemoryTransport();
  const sessions = createSessions(transport, {
    label: "p",
    budgetBytes: 1000,
    stallMs: 1000,
    onHeartbeat: () => undefined,
    onLog: () => undefined,
    onNoise: () => undefined,
    describeEnd: async () => ({ error_type: "ConnectionClosedError", message: "", args: {} }),
  });
  const made: DebugConnection = {
    label: "memory",
    sessions,
    canBeTold: false,
    attend: () => undefined,
    ended: sessions.ended.then(() => "hung up"),
    close: () => transport.close(),
  };
  return { made, peer };
}

function setUp({ graceMs = 60_000 } = {}) {
  const told: string[] = [];
  const runtimes = createDebugRuntimes({
    records: {
      connected: async ({ identifier, tenantId }) => void told.push(`${tenantId} has ${identifier.version}`),
      gone: async (tenantId, pluginId) => void told.push(`${tenantId} has no ${pluginId}`),
    },
    graceMs,
    log,
    logOf: () => log,
  });
  return { runtimes, told };
}

let calls = 0;
const request = (): InvocationRequest => ({
  sessionId: `s${calls++}`,
  session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
  data: {},
  decodeItem: (_, raw) => raw,
  onBackwardsCall: async () => undefined,
  timeoutMs: 1000,
});

describe("createDebugRuntimes()", () => {
  test("calls go to the connection, and to the later one of two", async () => {
    const { runtimes } = setUp();
    const [first, second] = [connection(), connection()];
    const it = plugin("p");
    await runtimes.connect(it, { connection: first.made });
    const runtime = runtimes.find(it.identifier.text);
    await runtime?.invoke(request(), never);
    expect(first.peer.received).toHaveLength(1);
    await runtimes.connect(it, { connection: second.made });
    expect(runtimes.find(it.identifier.text)).toBe(runtime);
    await runtime?.invoke(request(), never);
    expect([first.peer.received.length, second.peer.received.length]).toEqual([1, 1]);
    expect(runtimes.connections).toBe(2);
  });

  test("the end of the earlier one changes nothing, and that of the later one gives the earlier one back", async () => {
    const { runtimes, told } = setUp();
    const [first, second, third] = [connection(), connection(), connection()];
    for (const { made } of [first, second, third]) await runtimes.connect(plugin("p"), { connection: made });
    const runtime = runtimes.find(plugin("p").identifier.text);
    first.peer.hangUp();
    await first.made.ended;
    await runtime?.invoke(request(), never);
    expect(third.peer.received).toHaveLength(1);
    third.peer.hangUp();
    await runtime?.invoke(request(), never);
    expect(second.peer.received).toHaveLength(1);
    expect(told.filter((line) => line.includes("no"))).toEqual([]);
  });

  test("a call waits for a client that comes back with the same version", async () => {
    const { runtimes, told } = setUp();
    const [first, second] = [connection(), connection()];
    await runtimes.connect(plugin("p"), { connection: first.made });
    const runtime = runtimes.find(plugin("p").identifier.text);
    first.peer.hangUp();
    const waiting = runtime?.invoke(request(), never);
    await first.made.ended;
    expect(runtime?.status.state).toBe("waiting");
    await runtimes.connect(plugin("p"), { connection: second.made });
    await waiting;
    expect(second.peer.received).toHaveLength(1);
    expect(told).toEqual(["t1 has 0.0.1", "t1 has 0.0.1"]);
  });

  test("a call that waits for another version is refused, and finds that one by its own identifier", async () => {
    const { runtimes } = setUp();
    const [first, second] = [connection(), connection()];
    await runtimes.connect(plugin("p"), { connection: first.made });
    const runtime = runtimes.find(plugin("p").identifier.text);
    first.peer.hangUp();
    const waiting = rejection(runtime?.invoke(request(), never) ?? Promise.resolve());
    await runtimes.connect(plugin("p", "0.0.2"), { connection: second.made });
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(runtimes.find(plugin("p").identifier.text)).toBeUndefined();
    expect(runtimes.find(plugin("p", "0.0.2").identifier.text)).toBeDefined();
  });

  test("when nobody has come back, what is installed is there before the calls that wait are refused", async () => {
    const { runtimes, told } = setUp({ graceMs: 1 });
    const { made, peer } = connection();
    await runtimes.connect(plugin("p"), { connection: made });
    const runtime = runtimes.find(plugin("p").identifier.text);
    peer.hangUp();
    const refused = await rejection(runtime?.invoke(request(), never) ?? Promise.resolve());
    expect(refused).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("no available node"),
    });
    expect(told).toEqual(["t1 has 0.0.1", "t1 has no tests/p"]);
    expect(runtimes.find(plugin("p").identifier.text)).toBeUndefined();
  });

  test("a call whose client leaves does not wait any longer", async () => {
    const { runtimes } = setUp();
    const { made, peer } = connection();
    await runtimes.connect(plugin("p"), { connection: made });
    const runtime = runtimes.find(plugin("p").identifier.text);
    peer.hangUp();
    const leave = new AbortController();
    const waiting = rejection(runtime?.invoke(request(), leave.signal) ?? Promise.resolve());
    leave.abort(new Error("left"));
    expect(await waiting).toMatchObject({ message: "left" });
  });

  test("a connection whose records fail serves nothing", async () => {
    const runtimes = createDebugRuntimes({
      records: { connected: () => Promise.reject(new Error("full")), gone: async () => undefined },
      graceMs: 1000,
      log,
      logOf: () => log,
    });
    const { made } = connection();
    await expect(runtimes.connect(plugin("p"), { connection: made })).rejects.toThrow("full");
    expect(runtimes.find(plugin("p").identifier.text)).toBeUndefined();
    expect(runtimes.connections).toBe(0);
  });

  test("close() ends all, gives everything back, and takes nothing more", async () => {
    const { runtimes, told } = setUp();
    const [first, second, late] = [connection(), connection(), connection()];
    await runtimes.connect(plugin("p"), { connection: first.made });
    await runtimes.connect(plugin("q", "0.0.1", "t2"), { connection: second.made });
    await runtimes.close();
    expect(told.slice(2).sort()).toEqual(["t1 has no tests/p", "t2 has no tests/q"]);
    expect(runtimes.connections).toBe(0);
    await expect(runtimes.connect(plugin("p"), { connection: late.made })).rejects.toThrow("stopping");
  });

  test("resumed() finds a place by its session id, for its tenant alone", async () => {
    const { runtimes } = setUp();
    const { made, peer } = connection();
    await runtimes.connect({ ...plugin("p"), sessionId: "x" }, { connection: made });
    peer.hangUp();
    await made.ended;
    expect(runtimes.resumed("t1", "x")?.identifier.name).toBe("p");
    expect(runtimes.resumed("t2", "x")).toBeUndefined();
    expect(runtimes.resumed("t1", "y")).toBeUndefined();
  });

  test("a place is given back at once when it was released, before or after its connection ended", async () => {
    for (const first of ["release", "end"] as const) {
      const { runtimes, told } = setUp();
      const only = connection();
      await runtimes.connect(plugin("p"), { connection: only.made });
      if (first === "release") await runtimes.release("t1", "tests/p");
      expect(told).toEqual(["t1 has 0.0.1"]);
      only.peer.hangUp();
      await only.made.ended;
      if (first === "end") await runtimes.release("t1", "tests/p");
      await until("it is given back", () => told.length === 2);
      expect(told).toEqual(["t1 has 0.0.1", "t1 has no tests/p"]);
      await runtimes.close();
    }
  });

  test("who comes back after a release has a place like any other, and of two developers only one goes", async () => {
    const { runtimes, told } = setUp();
    const [first, second] = [connection(), connection()];
    const it = plugin("p");
    await runtimes.connect(it, { connection: first.made });
    await runtimes.connect(it, { connection: second.made });
    await runtimes.release("t1", "tests/p");
    second.peer.hangUp();
    await second.made.ended;
    first.peer.hangUp();
    await first.made.ended;
    await runtimes.release("t2", "tests/p");
    expect(told.filter((line) => line.includes("has no"))).toEqual([]);
    await runtimes.close();
  });
});
