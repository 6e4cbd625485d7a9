import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { createHeartbeatAsks } from "../../../src/runtime/heartbeat-asks.ts";

let clock = 0;
beforeEach(() => {
  clock = 0;
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Time goes by, and the timers with it. */
function pass(ms: number): void {
  clock += ms;
  jest.advanceTimersByTime(ms);
}

function setUp() {
  const told: string[] = [];
  let deaf = false;
  const asks = createHeartbeatAsks({
    everyMs: 10_000,
    withinMs: 5_000,
    ask: async () => void told.push("ask"),
    isDeaf: () => deaf,
    onMissed: () => told.push("missed"),
    onDead: () => told.push("dead"),
    now: () => clock,
  });
  return { asks, told, setDeaf: (value: boolean) => (deaf = value) };
}

describe("createHeartbeatAsks()", () => {
  test("asks at once, then in steps from each answer; the first may take as long as a start", () => {
    const { asks, told } = setUp();
    pass(60_000);
    expect(told).toEqual(["ask"]);
    asks.answered();
    pass(9_999);
    expect(told).toEqual(["ask"]);
    pass(1);
    expect(told).toEqual(["ask", "ask"]);
    pass(4_999);
    asks.answered();
    expect(asks.healthy).toBe(true);
  });

  test("one missed is unhealthy, until an answer comes in time", () => {
    const { asks, told } = setUp();
    asks.answered();
    pass(10_000);
    pass(5_000);
    expect(told).toEqual(["ask", "ask", "missed"]);
    expect(asks.healthy).toBe(false);
    // Late, so it counts for nothing.
    asks.answered();
    expect(asks.healthy).toBe(false);
    pass(5_000);
    expect(told.at(-1)).toBe("ask");
    asks.answered();
    expect(asks.healthy).toBe(true);
  });

  test("two in a row are the end", () => {
    const { asks, told } = setUp();
    asks.answered();
    for (const ms of [10_000, 5_000, 5_000, 5_000, 60_000]) pass(ms);
    expect(told).toEqual(["ask", "ask", "missed", "ask", "dead"]);
  });

  test("while nothing is read, and after a pause of this process, nothing is missed", () => {
    const { asks, told, setDeaf } = setUp();
    asks.answered();
    pass(10_000);
    setDeaf(true);
    pass(5_000);
    setDeaf(false);
    clock += 60_000;
    pass(5_000);
    expect(told).toEqual(["ask", "ask"]);
    pass(5_000);
    expect(told).toEqual(["ask", "ask", "missed"]);
  });

  test("close() ends it", () => {
    const { asks, told } = setUp();
    asks.answered();
    asks.close();
    asks.answered();
    pass(60_000);
    expect(told).toEqual(["ask"]);
  });
});
