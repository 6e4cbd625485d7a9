import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import {
  type CallEvent,
  type CallTracer,
  createCallTraces,
  MAX_DETAILED,
  type NewCall,
} from "../../../src/service/call-trace.ts";

const CALL: NewCall = {
  sessionId: "s",
  tenantId: "t",
  pluginId: "a/b",
  identifier: "a/b:1@0",
  runtimeType: "local",
  type: "tool",
  action: "invoke_tool",
  requestBytes: 12,
  headers: {},
};
const TO = { identifier: "a/b:2@0", runtimeType: "local" } as const;

function setUp() {
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note, with: () => log };
  const traces = createCallTraces({ log });
  const seen: string[] = [];
  const stop = traces.observe((event) => void seen.push(glance(event)));
  return { traces, seen, stop, logged };
}

/** What an event says at its moment; the trace goes on changing. */
function glance(event: CallEvent): string {
  return "callBack" in event
    ? `${event.kind} ${event.callBack.type} ${event.callBack.outcome}`
    : `${event.kind} ${event.call.outcome}`;
}

function llm(tracer: CallTracer) {
  return tracer.callBack({ type: "llm", requestBytes: 5 });
}

describe("createCallTraces()", () => {
  test("tells of a call and its calls back in the order in which they happen", () => {
    const { traces, seen } = setUp();
    const tracer = traces.begin(CALL);
    const delivered = { items: 0, bytes: 0 };
    tracer.sent(TO, delivered);
    const one = llm(tracer);
    one.firstByte();
    delivered.items = 3;
    delivered.bytes = 30;
    tracer.firstItem();
    one.end("success", 99);
    tracer.end("plugin_error", "E");
    expect(seen).toEqual([
      "call_began undefined",
      "call_sent undefined",
      "call_back_began llm undefined",
      "first_item undefined",
      "call_back_ended llm success",
      "call_ended plugin_error",
    ]);
    const { call } = tracer;
    expect(call).toMatchObject({
      ...CALL,
      ...TO,
      delivered: { items: 3, bytes: 30 },
      outcome: "plugin_error",
      errorType: "E",
      callsBack: {
        total: 1,
        failed: 0,
        detailed: [{ type: "llm", requestBytes: 5, responseBytes: 99, outcome: "success" }],
      },
    });
    const [back] = call.callsBack.detailed;
    const times = [call.sentMs, back?.beganMs, back?.firstByteMs, call.firstItemMs, back?.endMs, call.endMs];
    expect(times).toEqual(times.toSorted((a, b) => (a ?? Number.NaN) - (b ?? Number.NaN)));
    expect(times).not.toContain(undefined);
  });

  test("a plugin that was quicker than the news of its request had the request before", () => {
    const { traces } = setUp();
    const tracer = traces.begin(CALL);
    tracer.firstItem();
    tracer.sent(TO, { items: 1, bytes: 1 });
    expect(tracer.call.sentMs).toBe(tracer.call.firstItemMs ?? Number.NaN);
  });

  test("calls back that are open end with their call, before it, and once", () => {
    const { traces, seen } = setUp();
    const tracer = traces.begin(CALL);
    const open = llm(tracer);
    tracer.end("client_disconnect");
    tracer.end("success");
    open.end("error", 1);
    open.firstByte();
    expect(seen.slice(2)).toEqual(["call_back_ended llm cancelled", "call_ended client_disconnect"]);
    expect(tracer.call.callsBack.detailed).toMatchObject([{ firstByteMs: undefined, responseBytes: 0 }]);
  });

  test("counts refused and failed calls back once each", () => {
    const tracer = setUp().traces.begin(CALL);
    for (const outcome of ["refused", "error", "success", "cancelled"] as const) {
      const one = llm(tracer);
      one.end(outcome, 0);
      one.end("error", 0);
    }
    expect(tracer.call.callsBack).toMatchObject({ total: 4, failed: 2 });
  });

  test("counts all calls back, and keeps and tells of a bounded number", () => {
    const { traces, seen } = setUp();
    const tracer = traces.begin(CALL);
    for (let n = 0; n < MAX_DETAILED + 10; n++) {
      const one = llm(tracer);
      expect(one.callBack === undefined).toBe(n >= MAX_DETAILED);
      one.firstByte();
      one.end("error", 0);
    }
    const { total, failed, detailed } = tracer.call.callsBack;
    expect([total, failed, detailed.length]).toEqual([MAX_DETAILED + 10, MAX_DETAILED + 10, MAX_DETAILED]);
    expect(seen).toHaveLength(1 + 2 * MAX_DETAILED);
  });

  test("an error type of any length is cut", () => {
    const tracer = setUp().traces.begin(CALL);
    tracer.end("plugin_error", "E".repeat(100_000));
    expect(tracer.call.errorType?.length).toBeLessThan(1000);
  });

  test("who has left hears nothing more", () => {
    const { traces, seen, stop } = setUp();
    const tracer = traces.begin(CALL);
    stop();
    tracer.end("success");
    expect(seen).toEqual(["call_began undefined"]);
  });

  test("an observer that fails is left out, the others go on, and no call notices", () => {
    const { traces, seen, logged } = setUp();
    traces.observe(() => {
      throw new Error("no");
    });
    const later: string[] = [];
    traces.observe((event) => void later.push(event.kind));
    traces.begin(CALL).end("success");
    expect(later).toEqual(["call_began", "call_ended"]);
    expect(seen).toHaveLength(2);
    expect(logged).toHaveLength(1);
  });
});
