import { describe, expect, test } from "bun:test";
import { createCounted } from "../../../src/runtime/debug/counted.ts";
import { createFailedKeys } from "../../../src/runtime/debug/failed-keys.ts";
import { createLineReader, LineTooLongError } from "../../../src/runtime/debug/line-reader.ts";

describe("createFailedKeys()", () => {
  test("limits an address that has failed too often, for a minute, and no other", () => {
    let at = 0;
    const failed = createFailedKeys({ maxPerMinute: 2, now: () => at });
    failed.note("a");
    expect(failed.isLimited("a")).toBe(false);
    failed.note("a");
    expect([failed.isLimited("a"), failed.isLimited("b")]).toEqual([true, false]);
    at = 59_999;
    expect(failed.isLimited("a")).toBe(true);
    at = 60_000;
    expect(failed.isLimited("a")).toBe(false);
    failed.note("a");
    expect(failed.isLimited("a")).toBe(false);
  });

  test("limits nobody at 0", () => {
    const failed = createFailedKeys({ maxPerMinute: 0, now: () => 0 });
    for (let n = 0; n < 100; n++) failed.note("a");
    expect(failed.isLimited("a")).toBe(false);
  });

  test("forgets addresses when there are very many", () => {
    let at = 0;
    const failed = createFailedKeys({ maxPerMinute: 1, now: () => at });
    for (let n = 0; n < 9_999; n++) failed.note(`old ${n}`);
    at = 30_000;
    failed.note("young");
    at = 60_000;
    failed.note("new");
    expect([failed.isLimited("young"), failed.isLimited("new")]).toEqual([true, true]);
    expect(failed.isLimited("old 1")).toBe(false);
  });
});

describe("createCounted()", () => {
  test("gives what is left under each name, and takes it back once", () => {
    const counted = createCounted(2);
    const first = counted.take("a");
    counted.take("a");
    expect(counted.take("a")).toBeUndefined();
    expect(counted.take("b")).toBeDefined();
    first?.();
    first?.();
    expect(counted.take("a")).toBeDefined();
    expect(counted.take("a")).toBeUndefined();
  });
});

describe("createLineReader()", () => {
  function reader(...pieces: readonly string[]) {
    const left: Uint8Array[] = pieces.map((piece) => Buffer.from(piece));
    const lines = createLineReader({
      read: () => Promise.resolve(left.shift()),
      unread: (bytes) => void left.unshift(bytes),
    });
    return { lines, left: () => Buffer.concat(left).toString() };
  }

  test("joins pieces, cuts lines, leaves out blank ones, and ends without the rest", async () => {
    const { lines } = reader("o", "ne\n\n \r\ntw", "o\r\nthr", "ee");
    expect(await lines.next(100)).toBe("one");
    expect(await lines.next(100)).toBe("two");
    expect(await lines.next(100)).toBeUndefined();
    expect(await lines.next(100)).toBeUndefined();
  });

  test("refuses a line above the limit before it has ended", async () => {
    const { lines, left } = reader("x".repeat(60), "x".repeat(60), "never read");
    await expect(lines.next(100)).rejects.toThrow(LineTooLongError);
    expect(left()).toBe("never read");
  });

  test("counts single bytes without keeping each of them", async () => {
    const { lines } = reader(...Array.from({ length: 5000 }, () => "é"), "\n");
    expect(await lines.next(10_000)).toBe("é".repeat(5000));
    const { lines: others } = reader(...Array.from({ length: 5000 }, () => "x"));
    await expect(others.next(4000)).rejects.toThrow(LineTooLongError);
  });

  test("release() gives back what was read too far, byte for byte", async () => {
    const { lines, left } = reader('{"type":"end"}\n{"event":"h', 'eartbeat"}\n');
    expect(await lines.next(100)).toBe('{"type":"end"}');
    lines.release();
    expect(left()).toBe('{"event":"heartbeat"}\n');
  });
});
