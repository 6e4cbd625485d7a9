import { expect, test } from "bun:test";
import { SpanStatusCode } from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { createStepSpans } from "../../../src/telemetry/step-spans.ts";
import { rejection } from "../../support/rejection.ts";

function setUp() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  return {
    step: createStepSpans(provider.getTracer("test")),
    spans: () =>
      exporter.getFinishedSpans().map((span) => ({
        name: span.name,
        id: span.spanContext().spanId,
        parent: span.parentSpanContext?.spanId,
        failed: span.status.code === SpanStatusCode.ERROR,
        attributes: span.attributes,
      })),
  };
}

test("createStepSpans() nests steps as they run, and gives their results back", async () => {
  const { step, spans } = setUp();
  const result = await step("outer", async (inner) => {
    const [one, two] = await Promise.all([inner("one", async () => 1), inner("two", async () => 2)]);
    return one + two;
  });
  expect(result).toBe(3);
  const outer = spans().find(({ name }) => name === "outer");
  expect(outer?.parent).toBeUndefined();
  expect(spans().map(({ name, parent }) => [name, parent])).toEqual([
    ["one", outer?.id],
    ["two", outer?.id],
    ["outer", undefined],
  ]);
});

test("createStepSpans() tells of a failure without its words, and passes it on", async () => {
  const { step, spans } = setUp();
  const failure = new DaemonError("unavailable", "https://user:secret@index");
  expect(await rejection(step("outer", (inner) => inner("inner", () => Promise.reject(failure))))).toBe(
    failure,
  );
  expect(spans().map(({ failed }) => failed)).toEqual([true, true]);
  expect(spans()[0]?.attributes).toEqual({ "error.type": "unavailable" });
  expect(JSON.stringify(spans())).not.toContain("secret");
});
