import { expect, test } from "bun:test";
import { uuidV7 } from "../../src/lib/uuid-v7.ts";

test("uuidV7() is a UUID of version 7 that begins with its time", () => {
  const at = new Date(Date.UTC(2200, 0, 1));
  const id = uuidV7(at);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(at.getTime());
});

test("uuidV7() grows within one millisecond, beyond the 4,096 that its counter holds", () => {
  const at = new Date(Date.UTC(2201, 0, 1));
  const ids = Array.from({ length: 10_000 }, () => uuidV7(at));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});
