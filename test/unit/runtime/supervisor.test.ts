import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { createSupervisor, type Supervised } from "../../../src/runtime/supervisor.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
const never = new AbortController().signal;

/** A thing to supervise that does what the test says. */
function createFake() {
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const done: string[] = [];
  ready.promise.catch(() => undefined);
  const running: Supervised & { readonly done: string[] } = {
    done,
    facts: { pid: 1 },
    ready: ready.promise,
    ended: ended.promise,
    async stop() {
      done.push("stop");
      ended.resolve("stopped");
    },
    async kill() {
      done.push("kill");
      ready.reject(new DaemonError("unavailable", "Cannot start: killed"));
      ended.resolve("killed");
    },
  };
  return {
    running,
    beat: () => ready.resolve(),
    die(why: string) {
      ready.reject(new DaemonError("unavailable", `Cannot start: ${why}`));
      ended.resolve(why);
    },
  };
}

function setUp(
  options: { prepare?: (signal: AbortSignal) => Promise<string>; beforeStart?: Promise<void> } = {},
) {
  const fakes: ReturnType<typeof createFake>[] = [];
  const started: (() => void)[] = [];
  const slots: string[] = [];
  let clock = 0;
  const supervisor = createSupervisor<string, Supervised>({
    label: "a/b:0.0.1",
    policy: {
      firstDelayMs: 1,
      maxDelayMs: 5,
      attempts: 5,
      startAttempts: 1,
      healthyAfterMs: 1000,
      retryAfterMs: 100,
    },
    log: silent,
    drainMs: 1000,
    now: () => clock,
    async takeSlot() {
      slots.push("taken");
      return () => slots.push("given back");
    },
    prepare: options.prepare ?? (async () => "plan"),
    async start() {
      await options.beforeStart;
      const fake = createFake();
      fakes.push(fake);
      started.shift()?.();
      return fake.running;
    },
  });
  return {
    supervisor,
    fakes,
    slots,
    advance(ms: number) {
      clock += ms;
    },
    nextStart: () => new Promise<void>((resolve) => started.push(resolve)),
  };
}

describe("createSupervisor()", () => {
  test("starts once for many who ask, and answers all", async () => {
    const { supervisor, fakes, nextStart, slots } = setUp();
    const start = nextStart();
    const asked = [supervisor.instance(never), supervisor.instance(never), supervisor.instance(never)];
    await start;
    fakes[0]!.beat();
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    expect(fakes).toHaveLength(1);
    expect(slots).toEqual(["taken", "given back"]);
    expect(await supervisor.instance(never)).toBe(fakes[0]!.running);
  });

  test("tells who waits why a start failed, and tries again later", async () => {
    const { supervisor, fakes, nextStart, advance } = setUp();
    let start = nextStart();
    const first = supervisor.instance(never);
    await start;
    fakes[0]!.die("exit 1");
    await expect(first).rejects.toThrow("Cannot start: exit 1");
    await expect(supervisor.instance(never)).rejects.toThrow("Cannot start: exit 1");
    expect(fakes).toHaveLength(1);
    advance(100);
    start = nextStart();
    const second = supervisor.instance(never);
    await start;
    fakes[1]!.beat();
    expect(await second).toBe(fakes[1]!.running);
  });

  test("restarts what crashed, and holds calls meanwhile", async () => {
    const { supervisor, fakes, nextStart } = setUp();
    let start = nextStart();
    const first = supervisor.instance(never);
    await start;
    fakes[0]!.beat();
    await first;
    start = nextStart();
    fakes[0]!.die("crash");
    await fakes[0]!.running.ended;
    await start;
    const held = supervisor.instance(never);
    fakes[1]!.beat();
    expect(await held).toBe(fakes[1]!.running);
    expect(supervisor.restarts).toBe(1);
    expect(supervisor.lastFailure).toBe("crash");
  });

  test("a caller who leaves is let go; the start goes on", async () => {
    const { supervisor, fakes, nextStart } = setUp();
    const leave = new AbortController();
    const start = nextStart();
    const asked = supervisor.instance(leave.signal);
    leave.abort(new Error("gone"));
    await expect(asked).rejects.toThrow("gone");
    await start;
    fakes[0]!.beat();
    expect(await supervisor.instance(never)).toBe(fakes[0]!.running);
  });

  test("stop() ends it after its calls, kill() at once, both resolve when it is over", async () => {
    for (const how of ["stop", "kill"] as const) {
      const { supervisor, fakes, nextStart } = setUp();
      const start = nextStart();
      const asked = supervisor.instance(never);
      await start;
      fakes[0]!.beat();
      await asked;
      await supervisor[how]();
      expect(fakes[0]!.running).toMatchObject({ done: [how] });
      expect(supervisor.state).toEqual({ kind: "stopped" });
      await supervisor[how]();
    }
  });

  test("stop() aborts a preparation and rejects who waits", async () => {
    const aborted = Promise.withResolvers<void>();
    const { supervisor } = setUp({
      prepare: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted.resolve();
            reject(signal.reason);
          });
        }),
    });
    const asked = supervisor.instance(never);
    asked.catch(() => undefined);
    await Promise.resolve();
    await Promise.resolve();
    await supervisor.stop();
    await aborted.promise;
    await expect(asked).rejects.toThrow("stopped");
    expect(supervisor.state).toEqual({ kind: "stopped" });
  });

  test("a failed preparation keeps its error for who waits", async () => {
    const { supervisor, slots } = setUp({
      prepare: async () => {
        throw new DaemonError("internal", "failed to install dependencies: no network", {
          hint: "check the proxy",
        });
      },
    });
    await expect(supervisor.instance(never)).rejects.toMatchObject({
      code: "internal",
      hint: "check the proxy",
    });
    expect(slots).toEqual(["taken", "given back"]);
  });

  test("stop() aborts the preparation that followed an aborted one", async () => {
    const aborts: AbortSignal[] = [];
    const { supervisor } = setUp({
      prepare(signal) {
        aborts.push(signal);
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      },
    });
    const asked = [rejection(supervisor.instance(never))];
    await until("it is prepared", () => aborts.length === 1);
    const first = supervisor.stop();
    asked.push(rejection(supervisor.instance(never)));
    await first;
    await until("it is prepared again", () => aborts.length === 2);
    await supervisor.stop();
    expect(aborts.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(supervisor.state).toEqual({ kind: "stopped" });
    await Promise.all(asked);
  });

  test("stop() resolves when the process has ended, though somebody wants the plugin again", async () => {
    const { supervisor, fakes, nextStart } = setUp();
    let start = nextStart();
    const asked = supervisor.instance(never);
    await start;
    fakes[0]!.beat();
    await asked;
    start = nextStart();
    const stopping = supervisor.stop();
    const again = supervisor.instance(never);
    await stopping;
    expect(fakes[0]!.running).toMatchObject({ done: ["stop"] });
    await start;
    fakes[1]!.beat();
    expect(await again).toBe(fakes[1]!.running);
  });

  test("a second stop() counts: who asked in between is told, and nothing starts again", async () => {
    const { supervisor, fakes, nextStart } = setUp();
    const start = nextStart();
    const asked = supervisor.instance(never);
    await start;
    fakes[0]!.beat();
    await asked;
    const stopping = [supervisor.stop()];
    const again = rejection(supervisor.instance(never));
    stopping.push(supervisor.stop({ drainMs: 1 }));
    await Promise.all(stopping);
    expect(await again).toMatchObject({ code: "unavailable", message: "the plugin was stopped" });
    expect(supervisor.state).toEqual({ kind: "stopped" });
    expect(fakes).toHaveLength(1);
  });

  test("stop() while the process is being created ends it as soon as it is there", async () => {
    const creating = Promise.withResolvers<void>();
    const { supervisor, fakes } = setUp({ beforeStart: creating.promise });
    const asked = rejection(supervisor.instance(never));
    await until("it is being created", () => supervisor.state.kind === "starting");
    const stopping = supervisor.stop();
    expect(await asked).toMatchObject({ message: "the plugin was stopped" });
    creating.resolve();
    await stopping;
    expect(fakes[0]!.running).toMatchObject({ done: ["kill"] });
    expect(supervisor.state).toEqual({ kind: "stopped" });
  });
});
