import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createByteCache } from "../../../src/store/byte-cache.ts";

function setUp(maxBytes = 10) {
  let at = 0;
  const cache = createByteCache<string>({ maxBytes, idleMs: 100, now: () => new Date(at) });
  return { cache, pass: (ms: number) => void (at += ms) };
}

describe("createByteCache()", () => {
  test("keeps what fits", () => {
    const { cache } = setUp();
    cache.put("a", "A", 5);
    cache.put("b", "B", 5);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual(["A", "B", undefined]);
  });

  test("does not let a newcomer drive out what is in use", () => {
    const { cache } = setUp();
    cache.put("a", "A", 6);
    cache.put("b", "B", 6);
    expect([cache.get("a"), cache.get("b")]).toEqual(["A", undefined]);
  });

  test("gives the room of what nobody asked for in a while, the least lately used first", () => {
    const { cache, pass } = setUp();
    for (const name of ["a", "b", "c"]) cache.put(name, name, 3);
    pass(90);
    cache.get("a");
    pass(20);
    cache.put("d", "d", 3);
    expect(["a", "b", "c", "d"].map((name) => cache.get(name))).toEqual(["a", undefined, "c", "d"]);
  });

  test("replaces a value, and counts the new one only", () => {
    const { cache } = setUp();
    cache.put("a", "old", 9);
    cache.put("a", "new", 4);
    cache.put("b", "B", 6);
    expect([cache.get("a"), cache.get("b")]).toEqual(["new", "B"]);
  });

  test("has room again for what was forgotten, and takes nothing that is larger than all of it", () => {
    const { cache } = setUp();
    cache.put("a", "A", 10);
    cache.forget("a");
    cache.forget("never there");
    cache.put("huge", "H", 11);
    cache.put("b", "B", 10);
    expect([cache.get("a"), cache.get("huge"), cache.get("b")]).toEqual([undefined, undefined, "B"]);
  });

  test("never holds more than it may", () => {
    const step = fc.record({
      name: fc.constantFrom("a", "b", "c", "d", "e"),
      bytes: fc.nat(12),
      pass: fc.constantFrom(0, 50, 200),
      kind: fc.constantFrom("put", "put", "get", "forget"),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { cache, pass } = setUp();
        const sizes = new Map<string, number>();
        for (const { name, bytes, pass: ms, kind } of steps) {
          pass(ms);
          if (kind === "get") cache.get(name);
          else if (kind === "forget") cache.forget(name);
          else {
            cache.put(name, name, bytes);
            sizes.set(name, bytes);
          }
        }
        const held = [...sizes].filter(([name]) => cache.get(name) !== undefined);
        expect(held.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThanOrEqual(10);
      }),
    );
  });
});
