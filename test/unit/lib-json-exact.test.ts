import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { hasFragileNumber, JsonSyntaxError, parseExact, rewriteJson } from "../../src/lib/exact-json.ts";

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
/** Any number that the grammar allows, with its very text. */
const numberText = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
    fc.option(digits(20), { nil: "" }),
    fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "E-"), digits(3)), { nil: undefined }),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction && `.${fraction}`}${exponent?.join("") ?? ""}`,
  );

/** JSON text whose numbers are any; keys are distinct, white space is none, so that a round trip gives the text itself. */
const jsonText = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    numberText,
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "false", "null"),
    fc.array(tie("node"), { maxLength: 4 }).map((list) => `[${list.join(",")}]`),
    fc
      .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), tie("node")), {
        maxLength: 4,
        selector: ([key]) => key,
      })
      .map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(",")}}`),
  ),
})).node;

describe("parseExact()", () => {
  test("keeps the source of every number", () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const { value, exact } = parseExact(text);
        expect(JSON.stringify(exact)).toBe(text);
        expect(value).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("gives one tree, parsed once, where no number needs its source", () => {
    const { value, exact } = parseExact('{"a":[1,0.5,-3,1e-7,"9007199254740993 is a text"]}');
    expect(exact).toBe(value);
  });

  for (const source of ["9007199254740993", "1.0", "-0", "1e400", "1E3", "0.1000000000000000055", "1e2"])
    test(`keeps ${source}`, () => {
      expect(JSON.stringify(parseExact(`{"a":{"b":[${source}]}}`).exact)).toBe(`{"a":{"b":[${source}]}}`);
      expect(JSON.stringify(parseExact(source).exact)).toBe(source);
    });

  test("throws JsonSyntaxError that names line, column and problem", () => {
    expect(() => parseExact('{"a":1,\n "b":}')).toThrow(
      new JsonSyntaxError({ position: 13, line: 2, column: 6, problem: 'expected a value, found "}"' }),
    );
    expect(() => parseExact('{"a":1,\n "b":}')).toThrow(
      'Cannot parse JSON at line 2, column 6: expected a value, found "}"',
    );
  });

  test("refuses what nests too deep for anything that walks it, and takes what does not", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}1.0${"]".repeat(depth)}`;
    expect(JSON.stringify(parseExact(nested(1000)).exact)).toBe(nested(1000));
    expect(() => parseExact(nested(1001))).toThrow("nested deeper than 1000 levels");
    expect(() => parseExact(nested(1_000_000))).toThrow(JsonSyntaxError);
  });

  test("refuses megabytes of open brackets before the engine takes seconds for them", () => {
    const began = performance.now();
    expect(() => parseExact("[".repeat(32_000_000))).toThrow("nested deeper than 1000 levels");
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test("keeps a member called __proto__ a member", () => {
    expect(JSON.stringify(parseExact('{"__proto__":{"a":1.0}}').exact)).toBe('{"__proto__":{"a":1.0}}');
  });
});

test("hasFragileNumber() never misses one", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      if (JSON.stringify(JSON.parse(text)) !== text) expect(hasFragileNumber(text)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

describe("rewriteJson()", () => {
  test("copies what did not change and writes what did", () => {
    const text =
      '{ "keep":1.0, "drop":2 ,"change":{"a":9007199254740993,"b":null},"list":[1.0, {"x":null}] }';
    const before: unknown = JSON.parse(text);
    const source = before as { keep: number; change: { a: number }; list: [number, object] };
    const after = {
      keep: source.keep,
      change: { ...source.change, b: "", c: true },
      list: [source.list[0], { ...source.list[1], y: 1 }],
      added: [],
    };
    expect(rewriteJson(text, before, after)).toBe(
      '{"keep":1.0,"change":{"a":9007199254740993,"b":"","c":true},"list":[1.0,{"x":null,"y":1}],"added":[]}',
    );
  });

  test("gives the text itself where nothing changed", () => {
    const text = ' {"a" : 1.0}';
    const value: unknown = JSON.parse(text);
    expect(rewriteJson(text, value, value)).toBe(text);
  });

  test("takes the last of duplicate members", () => {
    const text = '{"a":1.0,"b":null,"a":2.0}';
    const before = JSON.parse(text) as { a: number; b: null };
    expect(rewriteJson(text, before, { ...before, b: "" })).toBe('{"b":"","a":2.0}');
  });

  test("writes a list of another length anew", () => {
    const before = { a: [1, 2] };
    expect(rewriteJson('{"a":[1, 2]}', before, { a: [1] })).toBe('{"a":[1]}');
    expect(rewriteJson('{"a":[1, 2]}', before, { a: "x" })).toBe('{"a":"x"}');
  });

  test("adds a member at any depth without losing a digit", () => {
    const addMember = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(addMember);
      if (typeof value !== "object" || value === null) return value;
      const members = Object.entries(value).map(([key, member]) => [key, addMember(member)] as const);
      return { ...Object.fromEntries(members), ADDED: 1 };
    };
    fc.assert(
      fc.property(jsonText, (text) => {
        const before: unknown = JSON.parse(text);
        const rewritten = rewriteJson(text, before, addMember(before));
        expect(JSON.parse(rewritten)).toEqual(addMember(before));
        // What was added is all that is new.
        const unmarked = rewritten.replaceAll(/,?"ADDED":1/g, "");
        expect(unmarked).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
