import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { createPackageGuard, processOf } from "../../../src/service/package-guard.ts";

test("hold() counts: a package is held until the last one releases it, each only once", () => {
  const guard = createPackageGuard();
  const first = guard.hold("a");
  const second = guard.hold("a");
  first();
  first();
  expect(guard.isHeld("a")).toBe(true);
  second();
  expect(guard.isHeld("a")).toBe(false);
});

test("alone() runs one at a time for a common key, at once for others", async () => {
  const guard = createPackageGuard();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = guard.alone(["x", "asset"], async () => {
    order.push("first begins");
    await gate.promise;
    order.push("first ends");
  });
  const second = guard.alone(["asset", "y"], async () => void order.push("second"));
  await guard.alone(["z"], async () => void order.push("other"));
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["first begins", "other", "first ends", "second"]);
});

test("alone() does not deadlock when keys come in opposite order, nor with a key named twice", async () => {
  const guard = createPackageGuard();
  const done: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      guard.alone(i % 2 === 0 ? ["a", "b", "a"] : ["b", "a"], async () => void done.push(i)),
    ),
  );
  expect(done).toHaveLength(20);
});

test("alone() hands on the failure and frees its keys", async () => {
  const guard = createPackageGuard();
  expect(String(await rejection(guard.alone(["a"], () => Promise.reject(new Error("no")))))).toContain("no");
  expect(await guard.alone(["a"], () => Promise.resolve(1))).toBe(1);
});

test("processOf() is another key than the package's own", () => {
  expect(processOf("a")).not.toBe("a");
});
