import { expect, test } from "bun:test";
import { createDebugKeys } from "../../../src/service/debug-keys.ts";
import { testStore } from "./test-store.ts";

const HOUR_MS = 3_600_000;

function setUp() {
  const { store, now, pass } = testStore();
  return { keys: createDebugKeys({ keys: store.debugKeys, now }), pass };
}

test("keyOf() answers the same key while it is good, which every request prolongs by two hours", async () => {
  const { keys, pass } = setUp();
  const key = await keys.keyOf("t1");
  expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  pass(1.5 * HOUR_MS);
  expect(await keys.keyOf("t1")).toBe(key);
  pass(1.5 * HOUR_MS);
  expect(await keys.keyOf("t1")).toBe(key);
  pass(2 * HOUR_MS);
  expect(await keys.keyOf("t1")).not.toBe(key);
});

test("tenantOf() knows whose a key is, and a use prolongs it", async () => {
  const { keys, pass } = setUp();
  const mine = await keys.keyOf("t1");
  const other = await keys.keyOf("t2");
  expect(await keys.tenantOf(mine)).toBe("t1");
  expect(await keys.tenantOf(other)).toBe("t2");
  expect(await keys.tenantOf(`${mine} `)).toBeUndefined();
  pass(1.5 * HOUR_MS);
  expect(await keys.tenantOf(mine)).toBe("t1");
  pass(1.5 * HOUR_MS);
  expect(await keys.tenantOf(mine)).toBe("t1");
  expect(await keys.tenantOf(other)).toBeUndefined();
});

test("renew() keeps keys that are in use, and brings none back", async () => {
  const { keys, pass } = setUp();
  const used = await keys.keyOf("t1");
  const unused = await keys.keyOf("t2");
  pass(1.5 * HOUR_MS);
  await keys.renew(["t1"]);
  pass(1.5 * HOUR_MS);
  expect(await keys.tenantOf(used)).toBe("t1");
  await keys.renew(["t2"]);
  expect(await keys.tenantOf(unused)).toBeUndefined();
});
