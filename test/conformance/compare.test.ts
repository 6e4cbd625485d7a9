import { describe, expect, test } from "bun:test";
import { covers, differences } from "./compare.ts";
import { FREE_WORDS } from "./normalise.ts";

const pathsOf = (...args: Parameters<typeof differences>) => differences(...args).map(({ path }) => path);

describe("differences()", () => {
  test("finds none where everything recorded is there, and forgives more keys", () => {
    const want = { status: 200, json: { data: [{ a: 1 }, null, "x", true] } };
    expect(
      differences(want, { ...want, more: 1, json: { data: [{ a: 1, b: 2 }, null, "x", true] } }),
    ).toEqual([]);
  });

  test.each([
    ["another text", { a: "x" }, { a: "y" }, "a"],
    ["another number", { a: 1 }, { a: 2 }, "a"],
    ["a number for a text", { a: "1" }, { a: 1 }, "a"],
    ["null for an object", { a: {} }, { a: null }, "a"],
    ["an object for null", { a: null }, { a: {} }, "a"],
    ["false for null", { a: null }, { a: false }, "a"],
    ["an array for an object", { a: {} }, { a: [] }, "a"],
    ["an object for an array", { a: [] }, { a: {} }, "a"],
    ["a missing key", { a: { b: 1 } }, { a: {} }, "a.b"],
    ["a missing key whose value is null", { a: { b: null } }, { a: {} }, "a.b"],
    ["an element too few", { a: [1, 2] }, { a: [1] }, "a"],
    ["an element too many", { a: [1] }, { a: [1, 2] }, "a"],
    ["another element", { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, "a.1.b"],
    ["elements in another order", { a: ["x", "y"] }, { a: ["y", "x"] }, "a.0"],
    ["a whole that is no object", { a: 1 }, "text", ""],
    ["JSON in a text", { m: { $text: { a: 1 } } }, { m: { $text: { a: 2 } } }, "m.a"],
    ["a text that is no JSON any more", { m: { $text: { a: 1 } } }, { m: "a" }, "m"],
  ])("finds %s", (_, want, have, path) => {
    expect(pathsOf(want, have)[0]).toBe(path);
  });

  test("tells what was wanted and what came, both short", () => {
    expect(differences({ a: "x" }, { a: 5 })).toEqual([{ path: "a", problem: 'want "x", have 5' }]);
    expect(differences({ a: "x" }, {})).toEqual([{ path: "a", problem: 'missing, want "x"' }]);
    expect(differences({ a: "x".repeat(1000) }, {})[0]?.problem.length).toBeLessThan(200);
  });

  test("takes an integer that is more exact than a rounded one, never one that is less exact", () => {
    const big = (digits: string) => ({ $int: digits });
    expect(differences(big("9223372036854776000"), big("9223372036854775807"))).toEqual([]);
    expect(differences(big("9007199254740992"), big("9007199254740993"))).toEqual([]);
    expect(differences(1e30, big("1000000000000000000000000000001"))).toEqual([]);
    expect(differences(big("9007199254740993"), big("9007199254740993"))).toEqual([]);

    expect(differences(big("9007199254740993"), big("9007199254740992"))).toHaveLength(1);
    expect(differences(big("9223372036854775807"), big("9223372036854776000"))).toHaveLength(1);
    expect(differences(big("9223372036854776000"), big("9223372036854780000"))).toHaveLength(1);
    expect(differences(big("9007199254740992"), "9007199254740992")).toHaveLength(1);
    expect(differences("9007199254740992", big("9007199254740992"))).toHaveLength(1);
  });

  test("`ignored` frees the value, not the presence", () => {
    const rules = { ignored: ["json.data.*.id"] };
    const want = { json: { data: [{ id: "<not compared>", name: "n" }] } };
    expect(differences(want, { json: { data: [{ id: [1], name: "n" }] } }, rules)).toEqual([]);
    expect(pathsOf(want, { json: { data: [{ id: 1, name: "m" }] } }, rules)).toEqual(["json.data.0.name"]);
    expect(pathsOf(want, { json: { data: [{ name: "n" }] } }, rules)).toEqual(["json.data.0.id"]);
  });

  test("`freeText` frees the innermost message, not type and code", () => {
    const answer = (code: number, type: string, message: unknown) => ({
      json: { code, message: { $text: { error_type: type, message } } },
    });
    const rules = { freeText: true };
    const want = answer(-400, "Bad", "words");
    expect(differences(want, answer(-400, "Bad", "others"), rules)).toEqual([]);
    expect(differences(want, answer(-400, "Bad", { $text: { a: 1 } }), rules)).toEqual([]);
    expect(pathsOf(want, answer(-400, "Bad", null), rules)).toEqual(["json.message.message"]);
    expect(pathsOf(want, answer(-500, "Bad", "words"), rules)).toEqual(["json.code"]);
    expect(pathsOf(want, answer(-400, "Worse", "words"), rules)).toEqual(["json.message.error_type"]);
    expect(differences(want, answer(-400, "Bad", "others"))).toHaveLength(1);
  });

  test("a recorded text that ends in free words is a beginning", () => {
    expect(differences(`refused: ${FREE_WORDS}`, "refused: because")).toEqual([]);
    expect(differences(FREE_WORDS, "because")).toEqual([]);
    expect(differences(`refused: ${FREE_WORDS}`, "denied: because")).toHaveLength(1);
    expect(differences(FREE_WORDS, undefined)).toHaveLength(1);
  });

  test("`unordered` compares as a set, by name first", () => {
    const rules = { unordered: ["data"] };
    const want = { data: [{ id: "1", name: "a" }, { id: "2", name: "b" }, "x"] };
    expect(differences(want, { data: ["x", { id: "2", name: "b" }, { id: "1", name: "a" }] }, rules)).toEqual(
      [],
    );
    expect(
      differences(want, { data: ["x", { id: "1", name: "b" }, { id: "2", name: "a" }] }, rules),
    ).toHaveLength(2);
    expect(differences(want, { data: ["x", "x", { id: "1", name: "a" }] }, rules)).not.toEqual([]);
  });
});

test("covers() takes a pattern for the path and for all below it", () => {
  expect(covers("json", "json")).toBe(true);
  expect(covers("json", "json.data.0")).toBe(true);
  expect(covers("json.*.id", "json.3.id")).toBe(true);
  expect(covers("json.*.id", "json.3.id.x")).toBe(true);
  expect(covers("json.*.id", "json.3")).toBe(false);
  expect(covers("json", "jsonp")).toBe(false);
  expect(covers("json", "")).toBe(false);
});
