import { describe, expect, test } from "bun:test";
import {
  type Decoder,
  decodeYaml,
  listOf,
  listOrEmpty,
  nullable,
  omitZero,
  optional,
  struct,
} from "../../../src/package/yaml/decode.ts";
import { free, freeMap, freeMapAnyKeys, freeMapOmitEmpty } from "../../../src/package/yaml/free.ts";
import { decimal, flag, float, integer, text, time, unsigned } from "../../../src/package/yaml/values.ts";

function decode<T>(source: string, decoder: Decoder<T>): T {
  return decodeYaml(new TextEncoder().encode(source), decoder);
}
const failure = (tail: string) => `yaml: unmarshal errors:\n  line 1: cannot unmarshal ${tail}`;

describe("text", () => {
  test.each([
    ["1.0", "1.0"],
    ["true", "true"],
    ["0x10", "0x10"],
    ["2024-01-01", "2024-01-01"],
    ["1_000", "1_000"],
    ["~", ""],
    ["null", ""],
    ["'null'", "null"],
    ["yes", "yes"],
  ])("takes %p as it is written", (source, expected) => {
    expect(decode(source, text)).toBe(expected);
  });

  test("refuses lists and mappings", () => {
    expect(() => decode("[a]", text)).toThrow(failure("!!seq into string"));
    expect(() => decode("{a: b}", text)).toThrow(failure("!!map into string"));
  });
});

describe("flag", () => {
  test.each(["true", "True", "y", "Yes", "on", "'yes'", '"ON"'])("%p is true", (source) => {
    expect(decode(source, flag)).toBe(true);
  });
  test.each(["false", "FALSE", "n", "No", "off", "'off'", "~", ""])("%p is false", (source) => {
    expect(decode(source, flag)).toBe(false);
  });
  test.each(["'true'", "''", "1", "0", "yEs"])("%p is neither", (source) => {
    expect(() => decode(source, flag)).toThrow("into bool");
  });
});

describe("integer, unsigned and float", () => {
  test.each([
    ["1_000", 1000],
    ["0x1F", 31],
    ["0o17", 15],
    ["0b11", 3],
    ["017", 15],
    ["1.9", 1],
    ["-1.9", -1],
    ["1e3", 1000],
    ["~", 0],
  ])("integer takes %p as %p", (source, expected) => {
    expect(decode(source, integer)).toBe(expected);
  });

  test("quoted numbers and other types are refused", () => {
    expect(() => decode("'1'", integer)).toThrow(failure("!!str `1` into int64"));
    expect(() => decode("'1'", float)).toThrow(failure("!!str `1` into float64"));
    expect(() => decode("true", integer)).toThrow(failure("!!bool `true` into int64"));
    expect(() => decode("2024-01-01", integer)).toThrow(failure("!!timestamp `2024-01-01` into int64"));
    expect(() => decode("12345678901", flag)).toThrow(failure("!!int `1234567...` into bool"));
    for (const source of ["18446744073709551615", "1e30", ".inf"])
      expect(() => decode(source, integer)).toThrow("into int64");
    expect(() => decode(".inf", float)).toThrow(failure("!!float `.inf` into float64"));
  });

  test("negative numbers are no unsigned ones", () => {
    expect(decode("1024", unsigned)).toBe(1024);
    expect(() => decode("-1", unsigned)).toThrow(failure("!!int `-1` into uint64"));
  });

  test("float takes whole numbers, too", () => {
    expect(decode("3", float)).toBe(3);
    expect(decode(".5", float)).toBe(0.5);
  });
});

describe("time", () => {
  test("takes bare timestamps and quoted RFC 3339", () => {
    expect(decode("2024-07-12", time)).toBe("2024-07-12T00:00:00Z");
    expect(decode("2024-07-12 08:03:44", time)).toBe("2024-07-12T08:03:44Z");
    expect(decode('"2024-07-12T08:03:44+02:00"', time)).toBe("2024-07-12T08:03:44+02:00");
    expect(decode("~", time)).toBe("0001-01-01T00:00:00Z");
  });

  test.each(["'2024-07-12'", "''", "yesterday", "5"])("stops at %p", (source) => {
    expect(() => decode(source, time)).toThrow(/parsing time/);
  });

  test("a wrong time comes before type errors collected earlier", () => {
    const decoder = struct("T", { a: integer, b: time });
    expect(() => decode("a: x\nb: never\n", decoder)).toThrow(/^line 2: parsing time "never"/);
  });
});

describe("decimal", () => {
  test("takes numbers quoted or not, null is zero, nothing else is one", () => {
    expect(decode("2.50", decimal)).toBe("2.5");
    expect(decode("'2.50'", decimal)).toBe("2.5");
    expect(decode("~", decimal)).toBe("0");
    expect(() => decode("''", decimal)).toThrow("can't convert to decimal");
    expect(() => decode("free", decimal)).toThrow("can't convert to decimal");
  });
});

describe("listOf()", () => {
  test("drops null elements and keeps the text of the others", () => {
    expect(decode("[1, true, null, 1.50, ~]", listOf("string", text))).toEqual(["1", "true", "1.50"]);
  });

  test("null is null or empty, as its place wants", () => {
    expect(decode("~", listOf("string", text))).toBeNull();
    expect(decode("[]", listOf("string", text))).toEqual([]);
    expect(decode("~", listOrEmpty("string", text))).toEqual([]);
  });

  test("a bare scalar is no list", () => {
    expect(() => decode("a", listOf("string", text))).toThrow(failure("!!str `a` into []string"));
  });
});

describe("struct()", () => {
  const decoder = struct("Thing", {
    name: text,
    size: omitZero(integer),
    note: optional(text),
    more: nullable(text),
    flag: omitZero(flag),
  });

  test("gives every field in its order, left out or null as it says", () => {
    expect(JSON.stringify(decode("more: x\nname: 1.0\n", decoder))).toBe(
      '{"name":"1.0","size":0,"more":"x"}',
    );
    expect(JSON.stringify(decode("", decoder))).toBe('{"name":"","size":0,"more":null}');
  });

  test("forwards keys that it does not know, behind its own", () => {
    const value = decode("show_on: [{a: 1}]\nname: n\n'7': {2: .inf}\nx: 2024-01-01\n", decoder);
    expect(value).toMatchObject({ show_on: [{ a: 1 }], "7": { "2": null }, x: "2024-01-01T00:00:00Z" });
  });

  test("nothing in an unknown key is an error", () => {
    expect(decode("other: {a: 1, a: 2, [x]: y, ? {b: c} : d}\n", decoder)).toMatchObject({ other: { a: 1 } });
  });

  test("a key named __proto__ is a key like others", () => {
    const value = decode("__proto__: {polluted: yes}\nname: n\n", decoder);
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect("polluted" in value).toBe(false);
    expect(value.name).toBe("n");
  });

  test("keys are told apart by case", () => {
    expect(decode("Name: x\n", decoder)).toMatchObject({ name: "", Name: "x" });
  });

  test("reports a key that stands twice, quoted or not", () => {
    expect(() => decode("name: a\nsize: 1\n'name': b\n", decoder)).toThrow(
      'yaml: unmarshal errors:\n  line 3: mapping key "name" already defined at line 1',
    );
  });

  test("reports every wrong type of a document at once", () => {
    expect(() => decode("name: []\nsize: lots\nflag: 1\n", decoder)).toThrow(
      [
        "yaml: unmarshal errors:",
        "  line 1: cannot unmarshal !!seq into string",
        "  line 2: cannot unmarshal !!str `lots` into int64",
        "  line 3: cannot unmarshal !!int `1` into bool",
      ].join("\n"),
    );
  });

  test("merge keys fill in what is not there, the first of several wins", () => {
    const source =
      "base: &b {name: base, note: kept}\nextra: &e {name: extra, more: m}\n<<: [*b, *e]\nname: own\n";
    expect(decode(source, decoder)).toMatchObject({ name: "own", note: "kept", more: "m" });
  });

  test("a merge of something else than mappings stops", () => {
    expect(() => decode("<<: 5\n", decoder)).toThrow(
      "yaml: map merge requires map or sequence of maps as the value",
    );
  });

  test("something else than a mapping is reported under the name of the type", () => {
    expect(() => decode("x", decoder)).toThrow(failure("!!str `x` into Thing"));
  });
});

describe("free values", () => {
  test("numbers, words and times as the reference takes them", () => {
    expect(decode("[1, 1.0, .5, +1, yes, on, 1:30, 2024-01-01, ~, 'x', 017]", free)).toEqual([
      1,
      1,
      0.5,
      1,
      "yes",
      "on",
      "1:30",
      "2024-01-01T00:00:00Z",
      null,
      "x",
      15,
    ]);
  });

  test("integers beyond 2^53 keep their digits", () => {
    expect(JSON.stringify(decode("{a: 9007199254740993, b: 18446744073709551615}", free))).toBe(
      '{"a":9007199254740993,"b":18446744073709551615}',
    );
  });

  test("keys are sorted", () => {
    expect(JSON.stringify(decode("{b: {z: 1, y: 2}, a: 3}", freeMap))).toBe('{"a":3,"b":{"y":2,"z":1}}');
  });

  test("what JSON cannot say is refused", () => {
    expect(() => decode("a: .nan\n", freeMap)).toThrow("!!float `.nan` into a JSON number");
    expect(() => decode("a: {1: x}\n", freeMap)).toThrow("!!int `1` into a key of a JSON object");
    expect(() => decode("a: {x: 1, x: 2}\n", freeMap)).toThrow("already defined");
    expect(() => decode("[]", freeMap)).toThrow("!!seq into map[string]interface {}");
  });

  test("model properties take keys of any type, at every level", () => {
    expect(decode("1: {true: x}\n", freeMapAnyKeys)).toEqual({ "1": { true: "x" } });
  });

  test("empty maps are left out where their place wants it", () => {
    expect(decode("{}", freeMapOmitEmpty)).toBeUndefined();
    expect(decode("{}", freeMap)).toEqual({});
    expect(decode("~", freeMap)).toBeNull();
  });
});
