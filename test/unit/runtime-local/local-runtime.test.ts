import { describe, expect, test } from "bun:test";
import { createSlots } from "../../../src/lib/slots.ts";
import type { Logger } from "../../../src/lib/logger.ts";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import { createSdkCodec } from "../../../src/protocol/sdk/codec.ts";
import {
  createLocalRuntime,
  type LocalRuntime,
  type LocalRuntimeSettings,
} from "../../../src/runtime/local/local-runtime.ts";
import { createLocalRuntimes } from "../../../src/runtime/local/local-runtimes.ts";
import { createFakeProcess, FAKE_BEAT, type FakeProcess } from "../../support/fake-process.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";
import { DECLARATION } from "./declaration.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
const never = new AbortController().signal;
const IDENTIFIER = `a/b:0.0.1@${"0".repeat(64)}`;
function setUp(settings: Partial<LocalRuntimeSettings> = {}, onStart: (fake: FakeProcess) => void = beat) {
  const processes: FakeProcess[] = [];
  const runtime = createLocalRuntime({
    source: { identifier: requireIdentifier(IDENTIFIER), declaration: DECLARATION, load: async () => [] },
    provisioner: {
      prepare: async () => ({ argv: ["/bin/true"], cwd: "/", env: {} }),
      discard: async () => undefined,
    },
    starter: {
      async start() {
        const fake = createFakeProcess({ pid: processes.length + 1 });
        processes.push(fake);
        queueMicrotask(() => onStart(fake));
        return fake.process;
      },
    },
    slots: createSlots(1),
    createCodec: createSdkCodec,
    log: silent,
    onState: () => undefined,
    settings: {
      maxLineBytes: 10_000,
      budgetBytes: 10_000,
      stallMs: 60_000,
      startTimeoutMs: 60_000,
      silenceMs: 0,
      termGraceMs: 60_000,
      startWaitMs: 60_000,
      drainMs: 60_000,
      memoryLimit: () => 0,
      ...settings,
    },
  });
  const invoke = (signal: AbortSignal = never) =>
    runtime.invoke(
      {
        sessionId: crypto.randomUUID(),
        session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
        data: {},
        decodeItem: (_value, raw) => raw,
        onBackwardsCall: async () => undefined,
        timeoutMs: 60_000,
      },
      signal,
    );
  return { runtime, processes, invoke };
}

function beat(fake: FakeProcess): void {
  fake.out(FAKE_BEAT);
}

describe("createLocalRuntime()", () => {
  test("starts for the first call and serves the next ones with the same process", async () => {
    const { runtime, processes, invoke } = setUp();
    await Promise.all([invoke(), invoke()]);
    await invoke();
    expect(processes).toHaveLength(1);
    expect(processes[0]?.written).toHaveLength(3);
    expect(runtime.status).toMatchObject({ state: "ready", pid: 1, sessions: 3, restarts: 0 });
  });

  test("gives a call whose process died under it to the next one", async () => {
    const { processes, invoke } = setUp();
    await invoke();
    processes[0]?.exit({ code: 1 });
    await invoke();
    expect(processes[1]?.written).toHaveLength(1);
  });

  test("gives a call to the next process when the present one closed its stdin", async () => {
    const { processes, invoke } = setUp();
    await invoke();
    processes[0]?.closeStdin();
    await invoke();
    expect(processes[0]?.signals).toEqual(["SIGKILL"]);
    expect(processes[1]?.written).toHaveLength(1);
  });

  test("holds a call no longer than its limit, and says what it waited for", async () => {
    const { invoke } = setUp({ startWaitMs: 5 }, () => undefined);
    expect(await rejection(invoke())).toMatchObject({
      code: "unavailable",
      message:
        'no available node, plugin runtime not found: plugin "a/b:0.0.1" was not ready within 0 seconds ' +
        "(start: waiting for its first heartbeat)",
    });
  });

  test("a client that leaves while its call is held is let go with its own reason", async () => {
    const { invoke } = setUp({}, () => undefined);
    const leave = new AbortController();
    const held = invoke(leave.signal);
    leave.abort(new Error("gone"));
    await expect(held).rejects.toThrow("gone");
  });

  test("stop() is for good: calls that are held or come later are told so, in words that clients know", async () => {
    const { runtime, processes, invoke } = setUp({}, () => undefined);
    const held = rejection(invoke());
    await until("it starts", () => processes.length === 1);
    await runtime.stop();
    const refused = {
      code: "unavailable",
      message: 'no available node, plugin runtime not found: plugin "a/b:0.0.1" was stopped',
    };
    expect(await held).toMatchObject(refused);
    expect(await rejection(invoke())).toMatchObject(refused);
    expect(await rejection(runtime.ensureReady({ report: () => undefined, signal: never }))).toMatchObject(
      refused,
    );
    runtime.warm();
    expect(runtime.status.state).toBe("stopped");
    expect(processes).toHaveLength(1);
  });
});

describe("createLocalRuntimes()", () => {
  const get = (runtime: LocalRuntime) => {
    const runtimes = createLocalRuntimes();
    runtimes.get(IDENTIFIER, () => runtime);
    return runtimes;
  };

  test("remove() forgets at once and ends after the open calls", async () => {
    const { runtime, processes, invoke } = setUp();
    const runtimes = get(runtime);
    const invocation = await invoke();
    const removed = runtimes.remove(IDENTIFIER);
    expect(runtimes.find(IDENTIFIER)).toBeUndefined();
    invocation.cancel();
    await removed;
    expect(processes[0]?.signals).toEqual(["SIGTERM"]);
  });

  test("close() ends those, too, that were removed and still wait for their calls", async () => {
    const { runtime, processes, invoke } = setUp();
    const runtimes = get(runtime);
    const invocation = await invoke();
    const removed = runtimes.remove(IDENTIFIER);
    await runtimes.close({ drainMs: 5 });
    await removed;
    expect(processes[0]?.signals).toEqual(["SIGTERM"]);
    expect((await invocation.ended).kind).toBe("connection_closed");
  });
});
