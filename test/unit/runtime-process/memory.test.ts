import { describe, expect, test } from "bun:test";
import type { ProcessInfo } from "../../../src/lib/proc-tree.ts";
import { memoryLimitOf } from "../../../src/runtime/local/memory-limit.ts";
import { createWatchingLimiter, findExcesses } from "../../../src/runtime/local/memory-watcher.ts";

const MIB = 1024 * 1024;

function one(pid: number, parent: number, residentBytes: number): ProcessInfo {
  return { pid, parent, group: pid, session: pid, startedAt: 1, residentBytes };
}

test.each([
  [1 * MIB, 512 * MIB, 512 * MIB],
  [1024 * MIB, 512 * MIB, 1024 * MIB],
  [0, 512 * MIB, 512 * MIB],
  [1024 * MIB, 0, 0],
  [-5, 1, 1],
])("memoryLimitOf(%p, %p) is %p", (declared, floor, limit) => {
  expect(memoryLimitOf(declared, floor)).toBe(limit);
});

describe("findExcesses()", () => {
  const processes = [one(10, 1, 60), one(11, 10, 60), one(20, 1, 200), one(30, 1, 10)];
  const found = (limits: Record<number, number>, proportionalBytes: (pid: number) => number | undefined) =>
    findExcesses(
      Object.entries(limits).map(([pid, limitBytes]) => ({ pid: Number(pid), limitBytes })),
      { processes, proportionalBytes },
    ).map(({ watched, usedBytes, members }) => [watched.pid, usedBytes, members.map(({ pid }) => pid)]);
  const unknown = () => undefined;

  test("names the trees above their limit, with all members", () => {
    expect(found({ 10: 100, 20: 200, 30: 9 }, unknown)).toEqual([
      [10, 120, [10, 11]],
      [30, 10, [30]],
    ]);
  });

  test("counts shared pages once, where the kernel tells them", () => {
    expect(found({ 10: 100 }, () => 45)).toEqual([]);
    expect(found({ 10: 100 }, (pid) => (pid === 10 ? 45 : undefined))).toEqual([[10, 105, [10, 11]]]);
  });

  test("asks for the exact figure in doubt only", () => {
    const asked: number[] = [];
    found({ 10: 120, 20: 199 }, (pid) => {
      asked.push(pid);
      return 0;
    });
    expect(asked).toEqual([20]);
  });

  test("nothing is watched, nothing is found; a tree that is gone uses nothing", () => {
    expect(found({}, unknown)).toEqual([]);
    expect(found({ 99: 1 }, unknown)).toEqual([]);
  });
});

test("createWatchingLimiter() without a way to see processes says that nothing is limited", async () => {
  const limiter = createWatchingLimiter({
    reader: undefined,
    intervalMs: 1000,
    log: { warn: () => undefined },
  });
  expect(limiter).toMatchObject({
    kind: "none",
    detail: "memory of plugins is not limited: processes cannot be listed here",
  });
  const guard = limiter.guard(1);
  guard.attach(1);
  expect([guard.cgroup, guard.release()]).toEqual([undefined, false]);
  await limiter.close();
});
