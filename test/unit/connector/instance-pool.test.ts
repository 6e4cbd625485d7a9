import { expect, test } from "bun:test";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import type { FunctionInstance } from "../../../src/service/connector/function-instance.ts";
import { createInstancePool, type PoolSettings } from "../../../src/service/connector/instance-pool.ts";
import { rejection } from "../../support/rejection.ts";

const NEVER = new AbortController().signal;
const SETTINGS: PoolSettings = { maxInstances: 2, callsPerInstance: 2, maxWaiting: 2, idleMs: 3_600_000 };

interface TestInstance extends FunctionInstance {
  stops: number;
  die(why: string): void;
}

/** A pool whose instances start when the test says so. */
function testPool(settings: Partial<PoolSettings> = {}) {
  const starts: { resolve: () => TestInstance; reject: (cause: unknown) => void }[] = [];
  const clock = { now: 0 };
  const warnings: string[] = [];
  const pool = createInstancePool({
    settings: { ...SETTINGS, ...settings },
    start(number, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<FunctionInstance>();
      signal.addEventListener("abort", () => reject(signal.reason));
      starts.push({
        resolve() {
          const ended = Promise.withResolvers<string>();
          const instance: TestInstance = {
            form: "sdk",
            maxCalls: Number.POSITIVE_INFINITY,
            number,
            pid: number,
            ended: ended.promise,
            call: () => Promise.reject(new Error("not called")),
            stops: 0,
            stop() {
              instance.stops++;
              ended.resolve("it was stopped");
              return Promise.resolve();
            },
            die: (why) => ended.resolve(why),
          };
          resolve(instance);
          return instance;
        },
        reject,
      });
      return promise;
    },
    log: { info: () => undefined, warn: (message) => void warnings.push(message) },
    now: () => clock.now,
  });
  return { pool, starts, clock, warnings };
}

/** What promises that are settled have led to. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test("createInstancePool() starts nothing before a call, and one instance for the first", async () => {
  const { pool, starts } = testPool();
  expect(starts).toHaveLength(0);
  const lease = pool.acquire(NEVER);
  expect(pool.status).toEqual({ starting: 1, ready: 0, calls: 0, waiting: 1 });
  const instance = starts[0]?.resolve();
  expect((await lease).instance).toBe(instance as FunctionInstance);
  expect(pool.status).toEqual({ starting: 0, ready: 1, calls: 1, waiting: 0 });
});

test("a call that finds a busy instance uses it at once, while a second one starts; the third goes where there is most room", async () => {
  const { pool, starts } = testPool();
  const first = pool.acquire(NEVER);
  starts[0]?.resolve();
  const lease = await first;
  const second = await pool.acquire(NEVER);
  expect(second.instance).toBe(lease.instance);
  expect(starts).toHaveLength(2);
  const other = starts[1]?.resolve();
  await settled();
  expect((await pool.acquire(NEVER)).instance).toBe(other as FunctionInstance);
  expect(starts).toHaveLength(2);
});

test("calls wait when all instances are full, in order, and are refused above the limit of those who wait", async () => {
  const { pool, starts } = testPool({ maxInstances: 1, callsPerInstance: 1 });
  const first = pool.acquire(NEVER);
  starts[0]?.resolve();
  const lease = await first;
  const order: string[] = [];
  const second = pool.acquire(NEVER).then((got) => (order.push("second"), got));
  const third = pool.acquire(NEVER).then((got) => (order.push("third"), got));
  const refused = await rejection(pool.acquire(NEVER));
  expect(refused).toBeInstanceOf(DaemonError);
  expect(refused).toMatchObject({
    code: "overloaded",
    message: "Cannot take the call: 2 calls wait already",
  });
  lease.release();
  lease.release();
  (await second).release();
  (await third).release();
  expect(order).toEqual(["second", "third"]);
  expect(pool.status).toEqual({ starting: 0, ready: 1, calls: 0, waiting: 0 });
});

test("a call whose client leaves while it waits takes no place", async () => {
  const { pool, starts } = testPool({ maxInstances: 1, callsPerInstance: 1 });
  const leaving = new AbortController();
  const waiting = pool.acquire(leaving.signal);
  leaving.abort(new Error("it has left"));
  expect(await rejection(waiting)).toMatchObject({ message: "it has left" });
  starts[0]?.resolve();
  await settled();
  expect(pool.status).toEqual({ starting: 0, ready: 1, calls: 0, waiting: 0 });
  expect(await rejection(pool.acquire(leaving.signal))).toMatchObject({ message: "it has left" });
});

test("a start that fails is the answer of those who wait for it, and of nobody else", async () => {
  const { pool, starts } = testPool();
  const [one, two] = [pool.acquire(NEVER), pool.acquire(NEVER)];
  starts[0]?.reject(new DaemonError("unavailable", "it exited with 1"));
  expect(await rejection(one)).toMatchObject({ message: "it exited with 1" });
  expect(await rejection(two)).toMatchObject({ message: "it exited with 1" });
  const again = pool.acquire(NEVER);
  expect(starts).toHaveLength(2);
  starts[1]?.resolve();
  expect((await again).instance.number).toBe(2);
});

test("after a start that failed, further instances are not tried for a while; the running one serves", async () => {
  const { pool, starts, clock } = testPool({ callsPerInstance: 10 });
  const first = pool.acquire(NEVER);
  starts[0]?.resolve();
  await first;
  await pool.acquire(NEVER);
  starts[1]?.reject(new Error("no memory"));
  await settled();
  await pool.acquire(NEVER);
  expect(starts).toHaveLength(2);
  clock.now = 1001;
  await pool.acquire(NEVER);
  expect(starts).toHaveLength(3);
  starts[2]?.reject(new Error("no memory"));
  await settled();
  clock.now += 1500;
  await pool.acquire(NEVER);
  expect(starts).toHaveLength(3);
});

test("an instance that ends is replaced for those who wait, and by the next call otherwise", async () => {
  const { pool, starts, warnings } = testPool({ maxInstances: 1, callsPerInstance: 1 });
  const first = pool.acquire(NEVER);
  const instance = starts[0]?.resolve();
  const lease = await first;
  const waiting = pool.acquire(NEVER);
  instance?.die("it was ended by SIGKILL");
  await settled();
  expect(warnings).toEqual(["An instance ended"]);
  expect(starts).toHaveLength(2);
  lease.release();
  starts[1]?.resolve();
  expect((await waiting).instance.number).toBe(2);
});

test("a suspect instance gets no call any more and is stopped after its last one", async () => {
  const { pool, starts } = testPool({ maxInstances: 1 });
  const first = pool.acquire(NEVER);
  const instance = starts[0]?.resolve();
  const lease = await first;
  const other = await pool.acquire(NEVER);
  lease.release({ suspect: true });
  expect(pool.status.ready).toBe(0);
  expect(instance?.stops).toBe(0);
  const next = pool.acquire(NEVER);
  expect(starts).toHaveLength(2);
  other.release();
  expect(instance?.stops).toBe(1);
  starts[1]?.resolve();
  expect((await next).instance.number).toBe(2);
});

test("replaceAll() starts one more, then stops idle instances at once, and busy ones after their calls", async () => {
  const { pool, starts } = testPool({ maxInstances: 2, callsPerInstance: 1 });
  const [one, two] = [pool.acquire(NEVER), pool.acquire(NEVER)];
  const instances = [starts[0]?.resolve(), starts[1]?.resolve()];
  (await one).release();
  const lease = await two;
  const replaced = pool.replaceAll();
  expect(starts).toHaveLength(3);
  expect(pool.status).toMatchObject({ starting: 1, ready: 2 });
  starts[2]?.resolve();
  await replaced;
  expect(pool.status).toMatchObject({ starting: 0, ready: 1 });
  expect(instances.map((instance) => instance?.stops)).toEqual([1, 0]);
  lease.release();
  expect(instances.map((instance) => instance?.stops)).toEqual([1, 1]);
});

test("close() refuses those who wait, gives up starts, stops everything, and refuses what comes later", async () => {
  const { pool, starts } = testPool({ maxInstances: 2, callsPerInstance: 1 });
  const first = pool.acquire(NEVER);
  const instance = starts[0]?.resolve();
  await first;
  const waiting = pool.acquire(NEVER);
  expect(starts).toHaveLength(2);
  const closed = pool.close({ drainMs: 0 });
  expect(await rejection(waiting)).toMatchObject({ code: "unavailable" });
  await closed;
  expect(instance?.stops).toBe(1);
  expect(await rejection(pool.acquire(NEVER))).toMatchObject({ code: "unavailable" });
  await pool.close({ drainMs: 0 });
});

test("replaceAll() leaves everything as it is when the new instance does not start", async () => {
  const { pool, starts } = testPool();
  const first = pool.acquire(NEVER);
  const instance = starts[0]?.resolve();
  (await first).release();
  const replaced = pool.replaceAll();
  starts[1]?.reject(new DaemonError("unavailable", "it exited with 1"));
  expect(await rejection(replaced)).toMatchObject({ message: "it exited with 1" });
  expect(instance?.stops).toBe(0);
  expect((await pool.acquire(NEVER)).instance).toBe(instance as FunctionInstance);
});
