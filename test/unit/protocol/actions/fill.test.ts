import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { OpenObject } from "../../../../src/protocol/actions/fields.ts";
import { compileFill } from "../../../../src/protocol/actions/fill.ts";

const STRICT_CASE = { foldCase: false };

describe("compileFill()", () => {
  const fill = compileFill(
    OpenObject({
      text: Type.String({ default: "" }),
      map: Type.Union([OpenObject({}), Type.Null()], { default: null }),
      gone: Type.Optional(Type.String({ omit: "null" })),
      small: Type.Optional(OpenObject({}, { omit: "empty" })),
      bare: Type.Number(),
      loud: Type.String({ default: "", refine: (value: unknown) => String(value).toUpperCase() }),
    }),
    STRICT_CASE,
  );

  test("gives absent and null members their default", () => {
    expect(fill({})).toEqual({ text: "", map: null, loud: "" });
    expect(fill({ text: null, map: null, loud: null })).toEqual({ text: "", map: null, loud: "" });
  });

  test("leaves out what is to be omitted", () => {
    expect(fill({ text: "a", map: null, loud: "", gone: null, small: {} })).toEqual({
      text: "a",
      map: null,
      loud: "",
    });
    const full = { text: "a", map: null, loud: "", gone: "", small: { a: 1 } };
    expect(fill(full)).toBe(full);
  });

  test("lets refine have the last word", () => {
    expect(fill({ text: "", map: null, loud: "a" })).toEqual({ text: "", map: null, loud: "A" });
  });

  test("returns the same object where nothing changes, and never touches the one it was given", () => {
    const complete = { text: "a", map: { b: 1 }, loud: "A", unknown: [1] };
    expect(fill(complete)).toBe(complete);
    const partial = Object.freeze({ text: "a", unknown: 1 });
    expect(fill(partial)).toEqual({ text: "a", unknown: 1, map: null, loud: "" });
  });

  test("leaves values of another type to the check", () => {
    for (const value of [null, [], "x", 1, true]) expect(fill(value)).toBe(value);
    expect(fill({ text: 5, map: [], loud: "", bare: "x" })).toEqual({
      text: 5,
      map: [],
      loud: "",
      bare: "x",
    });
  });

  test("goes into lists, unions and defaults", () => {
    const part = OpenObject({ a: Type.String({ default: "" }) });
    const deep = compileFill(
      OpenObject({
        list: Type.Array(part),
        either: Type.Union([Type.String(), Type.Array(part)]),
        object: OpenObject({ a: Type.Number({ default: 0 }) }, { default: {} }),
      }),
      STRICT_CASE,
    );
    const kept = { a: "x" };
    const filled: unknown = deep({ list: [kept, {}], either: [{ a: null }] });
    expect(filled).toEqual({ list: [kept, { a: "" }], either: [{ a: "" }], object: { a: 0 } });
    expect((filled as { list: unknown[] }).list[0]).toBe(kept);
    const text = { list: [], either: "text", object: { a: 1 } };
    expect(deep(text)).toBe(text);
  });

  test("does not walk what has nothing to fill", () => {
    const vectors = compileFill(OpenObject({ vectors: Type.Array(Type.Array(Type.Number())) }), STRICT_CASE);
    const untouchable = new Proxy([[1]], {
      get() {
        throw new Error("walked");
      },
    });
    const value = { vectors: untouchable };
    expect(vectors(value)).toBe(value);
  });

  test("matches keys in any case where it is told to, the exact spelling first", () => {
    const fold = compileFill(
      OpenObject({ user_id: Type.String({ default: "" }), data: OpenObject({ tool: Type.String() }) }),
      { foldCase: true },
    );
    expect(fold({ USER_ID: "u", Data: { TOOL: "t", Other: 1 } })).toEqual({
      user_id: "u",
      data: { tool: "t", Other: 1 },
    });
    expect(fold({ User_Id: "loses", user_id: "wins", data: { tool: "t" } })).toEqual({
      User_Id: "loses",
      user_id: "wins",
      data: { tool: "t" },
    });
  });
});
