import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import { createSessionRecorder, type NewSession } from "../../../src/service/session-recorder.ts";
import type { CallBackTrace } from "../../../src/service/call-trace.ts";
import type { SessionRow, SessionStore } from "../../../src/store/store.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";

const nothing = {
  sentMs: 0,
  delivered: { items: 0, bytes: 0 },
  callsBack: { total: 0, failed: 0, detailed: [] },
  usage: undefined,
};

const LLM: CallBackTrace = {
  type: "llm",
  beganMs: 0,
  firstByteMs: 7.6,
  endMs: undefined,
  requestBytes: 5,
  responseBytes: 6,
  outcome: undefined,
};

function session(id: string, identifier = "a/b:1@0"): NewSession {
  return {
    id,
    tenantId: "t",
    pluginId: "a/b",
    identifier,
    runtimeType: "local",
    type: "tool",
    action: "invoke_tool",
  };
}

function setUp({ history = 100, intervalMs = 0 } = {}) {
  const rows = new Map<string, SessionRow>();
  const batches: number[] = [];
  const touched: (readonly string[])[] = [];
  const logged: string[] = [];
  let refuse = false;
  const store: SessionStore = {
    async save(batch) {
      if (refuse) throw new Error("disk full");
      batches.push(batch.length);
      for (const row of batch) rows.set(row.id, row);
    },
    list: async () => [],
    closeOpen: async () => 0,
    prune: async () => undefined,
  };
  const note = (message: string) => void logged.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note, with: () => log };
  const recorder = createSessionRecorder({
    store,
    touch: async (identifiers) => void touched.push(identifiers),
    history,
    intervalMs,
    log,
  });
  return {
    recorder,
    rows,
    batches,
    touched,
    logged,
    refuse(yes: boolean) {
      refuse = yes;
    },
  };
}

/** Timers that never fire by themselves; `flush` is called by hand. */
const BY_HAND = { intervalMs: 1_000_000 };

describe("createSessionRecorder()", () => {
  test("a session that begins and ends between two writes is one row", async () => {
    await using cleanup = new AsyncDisposableStack();
    const { recorder, rows, batches } = setUp(BY_HAND);
    cleanup.defer(() => recorder.close());
    const delivered = { items: 0, bytes: 0 };
    const callsBack = { total: 0, failed: 0, detailed: [] as CallBackTrace[] };
    const recorded = recorder.begin(session("1"), {
      sentMs: 2,
      delivered,
      callsBack,
      usage: { executionMs: 1500, memoryMb: 128 },
    });
    expect(recorder.active).toBe(1);
    delivered.items = 3;
    delivered.bytes = 30;
    callsBack.total = 4;
    callsBack.failed = 1;
    for (let n = 0; n < 150; n++) callsBack.detailed.push({ ...LLM, beganMs: n + 2.4 });
    recorded.end("success");
    recorded.end("timeout");
    expect(recorder.active).toBe(0);
    await recorder.flush();
    expect(batches).toEqual([1]);
    expect(rows.get("1")).toMatchObject({
      outcome: "success",
      items: 3,
      bytes: 30,
      callsBack: 4,
      functionMs: 1500,
      functionMemoryMb: 128,
      failedCallsBack: 1,
      endedAt: expect.any(Date),
    });
    const trace = rows.get("1")?.callBackTrace;
    expect(trace).toHaveLength(100);
    expect(trace?.at(-1)).toEqual({
      type: "llm",
      beganMs: 99,
      firstByteMs: 6,
      endMs: null,
      requestBytes: 5,
      responseBytes: 6,
      outcome: null,
    });
    await recorder.flush();
    expect(batches).toEqual([1]);
  });

  test("a session that goes on is shown with its progress, then with its end", async () => {
    const { recorder, rows } = setUp();
    const delivered = { items: 1, bytes: 1 };
    const callsBack = { total: 0, failed: 0, detailed: [] as CallBackTrace[] };
    const recorded = recorder.begin(session("1"), { sentMs: 2, delivered, callsBack, usage: undefined });
    await recorder.flush();
    expect(rows.get("1")).toMatchObject({ outcome: null, endedAt: null, items: 1 });
    delivered.items = 2;
    recorded.end("client_disconnect");
    await recorder.close();
    expect(rows.get("1")).toMatchObject({ outcome: "client_disconnect", items: 2 });
  });

  test("writes by itself, in batches that hold nobody up", async () => {
    const { recorder, rows, batches } = setUp({ history: 1000, intervalMs: 1 });
    for (let i = 0; i < 600; i++) recorder.begin(session(`${i}`), nothing).end("success");
    await until("all are written", () => rows.size === 600);
    expect(batches).toEqual([250, 250, 100]);
    await recorder.close();
  });

  test("a running session is not written again with every interval", async () => {
    const { recorder, batches } = setUp({ intervalMs: 5 });
    recorder.begin(session("1"), nothing);
    await until("it is shown", () => batches.length === 1);
    for (let i = 0; i < 3; i++) recorder.begin(session(`short ${i}`), nothing).end("success");
    await until("the short ones are written", () => batches.length === 2);
    expect(batches).toEqual([1, 3]);
    await recorder.close();
  });

  test("tells which plugins were used, once each", async () => {
    const { recorder, touched } = setUp(BY_HAND);
    for (const id of ["1", "2"]) recorder.begin(session(id, "x"), nothing);
    recorder.begin(session("3", "y"), nothing);
    await recorder.close();
    expect(touched).toEqual([["x", "y"]]);
  });

  test.each([0, 2])("with a history of %d only the last ended ones are written", async (history) => {
    const { recorder, rows } = setUp({ history, ...BY_HAND });
    for (let i = 0; i < 10; i++) recorder.begin(session(`${i}`), nothing).end("success");
    await recorder.close();
    expect([...rows.keys()]).toEqual(["8", "9"].slice(0, history));
  });

  test("the end of a session that was shown is written whatever the history", async () => {
    const { recorder, rows } = setUp({ history: 0 });
    const recorded = recorder.begin(session("1"), nothing);
    await recorder.flush();
    expect(rows.get("1")?.outcome).toBeNull();
    recorded.end("success");
    await recorder.close();
    expect(rows.get("1")?.outcome).toBe("success");
  });

  test("a store that refuses loses nothing, and is told once, as is that it works again", async () => {
    const { recorder, rows, touched, logged, refuse } = setUp({ intervalMs: 1 });
    refuse(true);
    recorder.begin(session("1"), nothing).end("success");
    await until("it was tried", () => logged.length > 0);
    await rejection(recorder.flush());
    await rejection(recorder.flush());
    refuse(false);
    await until("it is written", () => rows.has("1") && touched.length > 0 && logged.length > 1);
    expect(rows.get("1")?.outcome).toBe("success");
    expect(touched.flat()).toEqual(["a/b:1@0"]);
    expect(logged).toEqual(["Cannot write the list of sessions", "The list of sessions is written again"]);
    await recorder.close();
  });

  test("close() writes the rest, also of what ends during a write, and is over when it says so", async () => {
    const { recorder, rows } = setUp(BY_HAND);
    const recorded = recorder.begin(session("1"), nothing);
    const writing = recorder.flush();
    recorded.end("success");
    const first = recorder.close();
    await recorder.close();
    expect(rows.get("1")?.outcome).toBe("success");
    await Promise.all([first, writing]);
  });
});
