import { describe, expect, test } from "bun:test";
import { pageSize, parsePs, parseStat, type ProcessInfo, treeOf } from "../../../src/lib/proc-tree.ts";

function stat(command: string): string {
  return `4711 (${command}) S 4000 4710 4709 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456 987654321 2048 18446744073709551615 1 1 0\n`;
}

function one(pid: number, parent: number, group = pid, session = group): ProcessInfo {
  return { pid, parent, group, session, startedAt: 1, residentBytes: 1 };
}

const pids = (processes: readonly ProcessInfo[]) => processes.map(({ pid }) => pid).sort((a, b) => a - b);

describe("parseStat()", () => {
  test.each(["python", "a b", ") S 1 1 1 (", "((()))", ""])("reads past the command %p", (command) => {
    expect(parseStat(stat(command), 4096)).toEqual({
      pid: 4711,
      parent: 4000,
      group: 4710,
      session: 4709,
      startedAt: 123456,
      residentBytes: 2048 * 4096,
    });
  });

  test.each(["", "4711", "x (y) S 1 2 3", "4711 (python) S 1 2"])("answers undefined for %p", (text) => {
    expect(parseStat(text, 4096)).toBeUndefined();
  });
});

describe("parsePs()", () => {
  test("reads columns, KiB as bytes, and leaves out what is none", () => {
    expect(parsePs("    1     0     1  10412\n  977   1   970 8\nnoise\n\n")).toEqual([
      { pid: 1, parent: 0, group: 1, session: 1, startedAt: 0, residentBytes: 10412 * 1024 },
      { pid: 977, parent: 1, group: 970, session: 970, startedAt: 0, residentBytes: 8192 },
    ]);
  });
});

describe("pageSize()", () => {
  const auxv = (...pairs: (readonly [bigint, bigint])[]) =>
    new Uint8Array(BigUint64Array.from(pairs.flat()).buffer);

  test("finds the entry of the page size", () => {
    expect(pageSize(auxv([33n, 1n], [6n, 65536n], [0n, 0n]))).toBe(65536);
  });

  test("is 4096 where nothing tells it", () => {
    expect(pageSize(auxv([33n, 1n], [0n, 0n]))).toBe(4096);
    expect(pageSize(new Uint8Array(7))).toBe(4096);
  });
});

describe("treeOf()", () => {
  const machine = [
    one(1, 0),
    one(100, 1), // the leader
    one(101, 100, 100), // its child, in its group
    one(102, 101, 102, 102), // a grandchild that left the group and the session
    one(103, 102, 102, 102), // and its child
    one(104, 1, 100), // lost its parent, kept the group
    one(105, 1, 105, 100), // lost its parent, kept the session
    one(106, 105, 106, 106),
    one(107, 1, 107, 107), // lost everything: not to be found
    one(200, 1), // somebody else
    one(201, 200, 200),
  ];

  test("has the group, the session and all descendants", () => {
    expect(pids(treeOf(100, machine))).toEqual([100, 101, 102, 103, 104, 105, 106]);
  });

  test("has what is left when the leader is gone", () => {
    expect(
      pids(
        treeOf(
          100,
          machine.filter(({ pid }) => pid !== 100),
        ),
      ),
    ).toEqual([101, 102, 103, 104, 105, 106]);
  });

  test("is empty for a pid that nobody has, and ends in a circle", () => {
    expect(treeOf(999, machine)).toEqual([]);
    expect(pids(treeOf(2, [one(2, 3), one(3, 2)]))).toEqual([2, 3]);
  });
});
