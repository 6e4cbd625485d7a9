import { describe, expect, test } from "bun:test";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { parseTraceparent, passOnTrace, traceOfRequest } from "../../../src/lib/traceparent.ts";
import { headersOfSpan, parentContext } from "../../../src/telemetry/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const traceparent = `00-${TRACE}-${SPAN}-01`;

describe("parseTraceparent()", () => {
  test("reads ids and flags", () => {
    expect(parseTraceparent(traceparent)).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags: 1 });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.traceFlags).toBe(0);
  });

  test("flags that are no number are none", () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-zz`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      traceFlags: 0,
    });
  });

  test.each([
    undefined,
    null,
    "",
    "x",
    `01-${TRACE}-${SPAN}-01`,
    traceparent.toUpperCase(),
    `${traceparent}-x`,
    ` ${traceparent}`,
  ])("ignores %j", (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

test("passOnTrace() keeps what came, and makes up what did not", () => {
  expect(passOnTrace(`00-${TRACE}-${SPAN}-00`)).toBe(traceparent);
  expect(passOnTrace("x")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test("traceOfRequest() is the header as it came, and nothing where there is none", () => {
  expect(traceOfRequest(new Request("http://localhost/", { headers: { traceparent: "x" } }))).toEqual({
    traceparent: "x",
  });
  expect(traceOfRequest(new Request("http://localhost/"))).toEqual({});
});

describe("parentContext()", () => {
  test("is the remote span, with its state", () => {
    const context = parentContext({ traceparent, tracestate: "a=1,b=2" });
    expect(trace.getSpanContext(context)).toMatchObject({ traceId: TRACE, spanId: SPAN, isRemote: true });
    expect(trace.getSpanContext(context)?.traceState?.get("b")).toBe("2");
  });

  test.each([
    {},
    { traceparent: "x" },
    { traceparent: `00-${"0".repeat(32)}-${SPAN}-01` },
    { traceparent: `00-${TRACE}-${"0".repeat(16)}-01` },
  ])("is the root for %j", (headers) => {
    expect(parentContext(headers)).toBe(ROOT_CONTEXT);
  });

  test("drops a state that is too long", () => {
    const context = parentContext({ traceparent, tracestate: `a=${"x".repeat(600)}` });
    expect(trace.getSpanContext(context)?.traceState).toBeUndefined();
  });
});

test("headersOfSpan() is the span, its state, and the baggage as it came unless it is too long", () => {
  const span = trace.getSpan(parentContext({ traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: "a=1" }));
  if (!span) throw new Error("no span");
  const headers = { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: "a=1" };
  expect(headersOfSpan(span, { baggage: "user=alice;x" })).toEqual({ ...headers, baggage: "user=alice;x" });
  expect(headersOfSpan(span, { baggage: "x".repeat(9000) })).toEqual(headers);
});
