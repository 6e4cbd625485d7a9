import { expect, test } from "bun:test";
import { createCallTraces } from "../../../src/service/call-trace.ts";
import type { NewLiveEvent } from "../../../src/service/live-event.ts";
import { tellCalls } from "../../../src/service/live-call-events.ts";
import type { Logger } from "../../../src/lib/logger.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

function setUp() {
  const published: NewLiveEvent[] = [];
  const traces = createCallTraces({ log: silent });
  traces.observe(tellCalls({ publish: (event) => void published.push(event) }));
  const call = traces.begin({
    sessionId: "s",
    tenantId: "t",
    pluginId: "a/b",
    identifier: "a/b:1@c",
    runtimeType: "local",
    type: "tool",
    action: "invoke_tool",
    requestBytes: 12,
    headers: {},
  });
  return { published, call };
}

test("tellCalls() tells the beginning, every call back, and the end with all that is known", () => {
  const { published, call } = setUp();
  call.sent({ identifier: "a/b:1@c", runtimeType: "local" }, { items: 2, bytes: 30 });
  call.callBack({ type: "storage", requestBytes: 5 }).end("success", 6);
  call.end("plugin_error", "Oops");
  expect(published.map(({ type, tenantId, pluginId }) => [type, tenantId, pluginId])).toEqual([
    ["call_began", "t", "a/b"],
    ["call_back_ended", "t", "a/b"],
    ["call_ended", "t", "a/b"],
  ]);
  expect(published[1]?.data).toMatchObject({
    session_id: "s",
    type: "storage",
    request_bytes: 5,
    response_bytes: 6,
  });
  expect(published[2]?.data).toMatchObject({
    session_id: "s",
    action: "invoke_tool",
    runtime_type: "local",
    request_bytes: 12,
    items: 2,
    response_bytes: 30,
    outcome: "plugin_error",
    error_type: "Oops",
    calls_back: { total: 1, failed: 0, first: [{ type: "storage", outcome: "success" }] },
  });
});

test("tellCalls() shows the first calls back of a call that makes many, and counts them all", () => {
  const { published, call } = setUp();
  for (let n = 0; n < 120; n++) call.callBack({ type: "llm", requestBytes: 1 }).end("success", 1);
  call.end("success");
  const end = published.at(-1)?.data["calls_back"] as { total: number; first: unknown[] };
  expect([end.total, end.first.length]).toEqual([120, 50]);
});
