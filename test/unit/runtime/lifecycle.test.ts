import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Effect, INITIAL, type Input, next, type State } from "../../../src/runtime/lifecycle.ts";
import { nextDelayMs, type RestartPolicy } from "../../../src/runtime/restart-policy.ts";

const policy: RestartPolicy = {
  firstDelayMs: 100,
  maxDelayMs: 1000,
  attempts: 3,
  startAttempts: 1,
  healthyAfterMs: 60_000,
  retryAfterMs: 5000,
};

function run(inputs: readonly Input[], from: State = INITIAL): { state: State; effects: string[] } {
  let state = from;
  const effects: Effect[] = [];
  for (const input of inputs) {
    const step = next(state, input, policy);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects: effects.map((effect) => effect.kind) };
}

const START: readonly Input[] = [{ kind: "demand", at: 0 }, { kind: "prepared" }, { kind: "ready", at: 10 }];

describe("next()", () => {
  test("a demand prepares, starts and releases who waits", () => {
    expect(run(START)).toEqual({
      state: { kind: "running", attempt: 1, since: 10 },
      effects: ["prepare", "start", "release_held"],
    });
  });

  test("further demands while it starts change nothing", () => {
    const { effects } = run([START[0]!, START[0]!, START[1]!, START[0]!]);
    expect(effects).toEqual(["prepare", "start"]);
  });

  test("a failed preparation tells who waits, and is not repeated at once", () => {
    const failed = run([START[0]!, { kind: "prepare_failed", at: 50, why: "no network" }]);
    expect(failed).toEqual({
      state: { kind: "failed", why: "no network", retryAt: 5050 },
      effects: ["prepare", "reject_held"],
    });
    expect(run([{ kind: "demand", at: 100 }], failed.state).effects).toEqual(["reject_held"]);
    expect(run([{ kind: "demand", at: 5050 }], failed.state).effects).toEqual(["prepare"]);
  });

  test("a process that ends before its first heartbeat fails the start", () => {
    const { state, effects } = run([START[0]!, START[1]!, { kind: "exited", at: 20, why: "exit 1" }]);
    expect(state).toMatchObject({ kind: "failed", why: "exit 1" });
    expect(effects).toEqual(["prepare", "start", "reject_held"]);
  });

  test("a crash is followed by a restart with a growing delay, until the attempts are spent", () => {
    let state = run(START).state;
    const delays: number[] = [];
    for (let at = 100; state.kind === "running"; at += 100) {
      const step = next(state, { kind: "exited", at, why: "crash" }, policy);
      for (const effect of step.effects) if (effect.kind === "set_timer") delays.push(effect.delayMs);
      state = run([{ kind: "timer" }, { kind: "prepared" }, { kind: "ready", at }], step.state).state;
    }
    expect(delays).toEqual([100, 200, 400]);
    expect(state.kind).toBe("failed");
  });

  test("a long life starts the count again", () => {
    const state: State = { kind: "running", attempt: 3, since: 0 };
    expect(next(state, { kind: "exited", at: 60_000, why: "crash" }, policy).state).toMatchObject({
      kind: "waiting",
      attempt: 1,
    });
  });

  test("stop drains, kill does not, and both end in stopped", () => {
    const running = run(START).state;
    for (const [input, effect] of [
      ["stop", "drain_process"],
      ["kill", "kill_process"],
    ] as const)
      expect(run([{ kind: input }, { kind: "exited", at: 99, why: "asked" }], running)).toEqual({
        state: { kind: "stopped" },
        effects: [effect, "reject_held"],
      });
  });

  test("a kill while it drains ends it by force", () => {
    expect(run([{ kind: "stop" }, { kind: "kill" }], run(START).state).effects).toEqual([
      "drain_process",
      "reject_held",
      "kill_process",
      "reject_held",
    ]);
  });

  test("a demand while it stops starts it again afterwards", () => {
    const { state, effects } = run(
      [{ kind: "stop" }, { kind: "demand", at: 5 }, { kind: "exited", at: 9, why: "asked" }],
      run(START).state,
    );
    expect(state).toEqual({ kind: "preparing", attempt: 1 });
    expect(effects.at(-1)).toBe("prepare");
  });

  test("a stop after that demand means it", () => {
    const asked = run([{ kind: "stop" }, { kind: "demand", at: 5 }, { kind: "stop" }], run(START).state);
    expect(asked.effects).toEqual(["drain_process", "reject_held", "drain_process", "reject_held"]);
    expect(run([{ kind: "exited", at: 9, why: "asked" }], asked.state).state).toEqual({ kind: "stopped" });
  });

  test("only the end of the process ends its stop", () => {
    const stopping = run([{ kind: "stop" }], run(START).state).state;
    expect(run([{ kind: "prepare_failed", at: 9, why: "late" }], stopping).state).toEqual(stopping);
  });

  test("a stop aborts a preparation and a pending restart", () => {
    expect(run([{ kind: "demand", at: 0 }, { kind: "stop" }]).effects).toEqual([
      "prepare",
      "abort_prepare",
      "reject_held",
    ]);
    const waiting: State = { kind: "waiting", attempt: 1, until: 5, why: "crash" };
    expect(run([{ kind: "stop" }], waiting)).toEqual({
      state: { kind: "stopped" },
      effects: ["clear_timer", "reject_held"],
    });
  });

  const anyInput: fc.Arbitrary<Input> = fc.oneof(
    fc.constantFrom<Input>({ kind: "prepared" }, { kind: "timer" }, { kind: "stop" }, { kind: "kill" }),
    fc.nat(1_000_000).map((at): Input => ({ kind: "demand", at })),
    fc.nat(1_000_000).map((at): Input => ({ kind: "ready", at })),
    fc.nat(1_000_000).map((at): Input => ({ kind: "exited", at, why: "x" })),
    fc.nat(1_000_000).map((at): Input => ({ kind: "prepare_failed", at, why: "x" })),
  );

  test("whatever happens, a process is started only from a preparation, and never twice", () => {
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 60 }), (inputs) => {
        let state = INITIAL;
        let processes = 0;
        for (const input of inputs) {
          // Inputs about a process can only come while there is one.
          if ((input.kind === "exited" || input.kind === "ready") && processes === 0) continue;
          if (input.kind === "exited") processes--;
          const step = next(state, input, policy);
          if (step.effects.some((effect) => effect.kind === "start")) {
            expect(state.kind).toBe("preparing");
            processes++;
          }
          state = step.state;
          expect(processes).toBeLessThanOrEqual(1);
          if (state.kind === "starting" || state.kind === "running") expect(processes).toBe(1);
          if (state.kind === "stopped" || state.kind === "failed") expect(processes).toBe(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("nextDelayMs() doubles up to the maximum, then gives up", () => {
  const many = { ...policy, attempts: 6 };
  expect([1, 2, 3, 4, 5, 6, 7].map((attempt) => nextDelayMs(attempt, many))).toEqual([
    100,
    200,
    400,
    800,
    1000,
    1000,
    undefined,
  ]);
});
