import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  findJsonError,
  findNesting,
  listElements,
  objectMembers,
  rawMember,
  skipJsonValue,
} from "../../src/lib/json-scan.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("skipJsonValue()", () => {
  test("finds the end of every kind of value", () => {
    for (const value of [
      '"a"',
      "-1.5e+3",
      "0",
      "true",
      "false",
      "null",
      "[]",
      "{}",
      '[1,[2,{"a":"]}"}],"\\""]',
    ])
      expect(skipJsonValue(`${value},rest`, 0)).toBe(value.length);
  });

  test("skips white space before the value and leaves what follows", () => {
    expect(skipJsonValue(' \t\r\n{"a":1} {"b":2}', 0)).toBe(11);
  });

  test("knows an escaped quote from a quote behind an escaped backslash", () => {
    expect(skipJsonValue('"a\\"b" x', 0)).toBe(6);
    expect(skipJsonValue('"a\\\\" x', 0)).toBe(5);
    expect(skipJsonValue('"\\\\\\"" x', 0)).toBe(6);
  });

  test("throws where no value starts or the text ends inside of one", () => {
    for (const text of ["", "  ", ",", "}", "nul", '"a', '"a\\"', "[1,2", '{"a":"b', '["']) {
      expect(() => skipJsonValue(text, 0)).toThrow(SyntaxError);
    }
  });

  test("takes any depth", () => {
    const depth = 200_000;
    expect(skipJsonValue("[".repeat(depth) + "]".repeat(depth), 0)).toBe(2 * depth);
  });

  test("ends where the value ends, whatever the value is", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom("", " ", ",1", "]", "}"), (value, rest) => {
        expect(skipJsonValue(value + rest, 0)).toBe(value.length);
      }),
    );
  });
});

describe("rawMember()", () => {
  test("gives the source text of a nested member", () => {
    const text = '{ "a" : {"b": 1.0 ,"c":[1, 2]} , "d":null}';
    expect(rawMember(text, ["a", "b"])).toBe("1.0");
    expect(rawMember(text, ["a", "c"])).toBe("[1, 2]");
    expect(rawMember(text, ["a"])).toBe('{"b": 1.0 ,"c":[1, 2]}');
    expect(rawMember(text, ["d"])).toBe("null");
    expect(rawMember(` ${text}`, [])).toBe(text);
  });

  test("takes the last of duplicates, as JSON.parse does", () => {
    const text = '{"a":{"b":1},"a":{"b":2,"b":3}}';
    expect(rawMember(text, ["a", "b"])).toBe("3");
    expect(rawMember('{"a":1,"\\u0061":2}', ["a"])).toBe("2");
  });

  test("is undefined where the path leads nowhere", () => {
    expect(rawMember('{"a":1}', ["b"])).toBeUndefined();
    expect(rawMember('{"a":1}', ["a", "b"])).toBeUndefined();
    expect(rawMember("[1]", ["0"])).toBeUndefined();
    expect(rawMember("{}", ["a"])).toBeUndefined();
  });

  test("parses to what JSON.parse finds there", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
        fc.integer({ min: 0, max: 3 }),
        (object, space) => {
          const text = JSON.stringify(object, undefined, space);
          for (const key of Object.keys(object)) {
            const raw = rawMember(text, [key]);
            expect(JSON.parse(raw ?? "")).toEqual(JSON.parse(JSON.stringify(object[key])));
          }
        },
      ),
    );
  });
});

test("objectMembers() and listElements() give every extent in order", () => {
  const object = '{"a":1, "b" : [2] }';
  expect(objectMembers(object, 0).map(({ key, start, end }) => [key, object.substring(start, end)])).toEqual([
    ["a", "1"],
    ["b", "[2]"],
  ]);
  const list = '[1, {"a":[2]} ,"x"]';
  expect(listElements(list, 0).map(({ start, end }) => list.substring(start, end))).toEqual([
    "1",
    '{"a":[2]}',
    '"x"',
  ]);
  expect(listElements("[ ]", 0)).toEqual([]);
});

describe("findNesting()", () => {
  test("names the first level that is too deep", () => {
    expect(findNesting(`${"[".repeat(3)}1${"]".repeat(3)}`, 3)).toBeUndefined();
    expect(findNesting('{"a":\n[[[1]]]}', 3)).toEqual({
      position: 8,
      line: 2,
      column: 3,
      problem: "nested deeper than 3 levels",
    });
  });

  test("takes any text: what breaks it is for others to tell", () => {
    for (const text of ["", "]]]}", '"', '[[["', '[["\\"]]', "}{[1", "\0"])
      expect(findNesting(text, 3)).toBeUndefined();
    expect(findNesting('}}[[[[[["', 3)).toMatchObject({ position: 7 });
  });

  test("does not count brackets in strings", () => {
    expect(findNesting('["[[[[[[", "]"]', 1)).toBeUndefined();
  });
});

describe("findJsonError()", () => {
  const cases: readonly (readonly [text: string, line: number, column: number, problem: string])[] = [
    ["", 1, 1, "expected a value, the text ends"],
    ["hello", 1, 1, '"hello" is no value'],
    ['{"a":', 1, 6, "expected a value, the text ends"],
    ['{"a":1,', 1, 8, "expected a key in double quotes, the text ends"],
    ['{"a":1,}', 1, 8, 'expected a key in double quotes, found "}"'],
    ["{a:1}", 1, 2, 'expected a key in double quotes, found "a"'],
    ['{"a" 1}', 1, 6, 'expected ":", found "1"'],
    ['{"a":1 "b":2}', 1, 8, 'expected "," or "}", found "\\""'],
    ["[1 2]", 1, 4, 'expected "," or "]", found "2"'],
    ["[1,]", 1, 4, 'expected a value, found "]"'],
    ["[1}", 1, 3, 'expected "," or "]", found "}"'],
    ["{} rest", 1, 4, 'expected nothing more, found "r"'],
    ["[01]", 1, 2, '"01" is no value'],
    ["[1.]", 1, 2, '"1." is no value'],
    ["[+1]", 1, 2, '"+1" is no value'],
    ["[NaN]", 1, 2, '"NaN" is no value'],
    ['["a', 1, 4, "the text ends inside a string"],
    ['["a\\x"]', 1, 4, '"\\\\x" is no escape'],
    ['["a\tb"]', 1, 4, "a control character has to be written as \\u0009 in a string"],
    ['{\n  "a": 1,\n  "b": oops\n}', 3, 8, '"oops" is no value'],
    ["['a']", 1, 2, 'expected a value, found "\'"'],
    ["\ufeff{}", 1, 1, 'expected a value, found "\ufeff"'],
  ];
  for (const [text, line, column, problem] of cases)
    test(`names line, column and problem of ${JSON.stringify(text)}`, () => {
      const found = findJsonError(text);
      expect(found && { line: found.line, column: found.column, problem: found.problem }).toEqual({
        line,
        column,
        problem,
      });
    });

  test("has nothing against valid JSON", () => {
    fc.assert(fc.property(fc.json(), (text) => expect(findJsonError(text)).toBeUndefined()));
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(findJsonError(JSON.stringify(value, undefined, 2))).toBeUndefined(),
      ),
    );
  });

  test("finds something exactly where JSON.parse refuses", () => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"a"',
      '"',
      "1",
      "-",
      ".5",
      "e3",
      "true",
      "null",
      " ",
      "\\",
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 8 }), (tokens) => {
        const text = tokens.join("");
        expect(findJsonError(text) === undefined).toBe(parses(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("takes any depth", () => {
    expect(findJsonError("[".repeat(200_000))?.problem).toBe("expected a value, the text ends");
  });
});
