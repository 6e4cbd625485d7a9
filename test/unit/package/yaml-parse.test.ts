import { describe, expect, test } from "bun:test";
import { assert, jsonValue, property } from "fast-check";
import { decodeYaml } from "../../../src/package/yaml/decode.ts";
import { free } from "../../../src/package/yaml/free.ts";
import type { YamlNode } from "../../../src/package/yaml/node.ts";
import { parseYaml } from "../../../src/package/yaml/parse.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseYaml(bytes(text));
const value = (text: string) => decodeYaml(bytes(text), free);

function scalars(node: YamlNode | undefined): string[] {
  if (!node) return [];
  if (node.kind === "scalar") return [node.text];
  if (node.kind === "alias") return [`*${node.name}`];
  if (node.kind === "list") return node.items.flatMap(scalars);
  return node.pairs.flatMap(({ key, value }) => [...scalars(key), ...scalars(value)]);
}

describe("parseYaml()", () => {
  test("keeps the text of scalars, and the lines of nodes", () => {
    const node = parse("a: 1.10\n\nb:\n  - 0x10\n  - '1_0'\n");
    expect(scalars(node)).toEqual(["a", "1.10", "b", "0x10", "1_0"]);
    if (node?.kind !== "map") throw new Error("a mapping is expected");
    expect(node.pairs.map(({ key }) => key.line)).toEqual([1, 3]);
    expect(node.pairs[1]?.value.line).toBe(4);
  });

  test("gives nothing for a text without a document", () => {
    for (const text of ["", "\n\n", "# only a comment\n"]) expect(parse(text)).toBeUndefined();
  });

  test("looks at the first document only", () => {
    expect(value("a: 1\n---\nb: [\n")).toEqual({ a: 1 });
    expect(value("a: 1\n...\nnonsense: [\n")).toEqual({ a: 1 });
  });

  test("reads a byte order mark, CRLF and block scalars", () => {
    expect(value("\uFEFFa: |\r\n  x\r\n  y\r\nb: >-\r\n  u\r\n  v\r\n")).toEqual({ a: "x\ny\n", b: "u v" });
  });

  // The reference reads these; the parser alone does not.
  test.each([
    ['a: "first\nsecond"\nb: 1\n', { a: "first second", b: 1 }],
    ["x:\n  a: 'it\n\n\ns'\n  b: 1\n", { x: { a: "it\n\ns", b: 1 } }],
    ["a: [1,\n2,\n3]\nb: 1\n", { a: [1, 2, 3], b: 1 }],
    ["x:\n  a: {b: 1,\nc: 2\n}\n  d: 3\n", { x: { a: { b: 1, c: 2 }, d: 3 } }],
    ["x:\n  - {a:\n\n 1, b: 'u\n v'}\n  - c\n", { x: [{ a: 1, b: "u v" }, "c"] }],
  ])("takes continued lines that are not indented: %j", (text, expected) => {
    expect(value(text)).toEqual(expected);
  });

  test.each([
    ["a: [1,\n", /^yaml: line 2: /],
    ['ok: 1\na: "x\nb: 1\n', /^yaml: line 4: Missing closing "quote/],
    ["a: b: c\n", /^yaml: line 1: /],
    ["a: @x\n", /^yaml: line 1: /],
    ["a:\n\tb: c\n", /^yaml: line 2: /],
    ["a: *nope\n", /^yaml: unknown anchor 'nope' referenced$/],
    ["a: &x [*x]\n", /^yaml: unknown anchor 'x' referenced$/],
  ])("refuses %j and says where", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test("refuses what is no UTF-8", () => {
    expect(() => parseYaml(new Uint8Array([0x61, 0x3a, 0x20, 0xff]))).toThrow("yaml: the text is not UTF-8");
  });

  test("refuses deep nesting without running out of stack", () => {
    expect(() => parse("[".repeat(1_000) + "]".repeat(1_000))).toThrow(/nested too deeply/);
    expect(() => parse("[".repeat(100_000))).toThrow(/nested too deeply/);
  });

  test("refuses a text that would hold the event loop", () => {
    expect(() => parse(`a: ${"x".repeat(512 * 1024)}`)).toThrow(
      "yaml: the text has 524291 bytes, more than 524288",
    );
  });

  test("gives up on a long text whose lines are all under-indented", () => {
    expect(() => parse(`a: "${"x\n".repeat(100_000)}"`)).toThrow('yaml: line 1: Missing closing "quote');
  }, 30_000);

  test("looks for no further mistakes behind the first, of which there may be as many as characters", () => {
    const began = performance.now();
    expect(() => parse(`a: [1, ${"a\n".repeat(3_000)}`)).toThrow("yaml: line 2:");
    expect(() => parse(`a: [${"[a]".repeat(150_000)}`)).toThrow("yaml: line 1: Unexpected flow-seq-start");
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test("refuses aliases that multiply", () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) =>
        `l${level}: &l${level} [${Array(10)
          .fill(level === 0 ? "x" : `*l${level - 1}`)
          .join(", ")}]\n`,
    );
    expect(() => parse(levels.join(""))).toThrow("yaml: document contains excessive aliasing");
  });

  test("reads every JSON value as itself", () => {
    const json = jsonValue({ maxDepth: 4 }).filter((candidate) => !Object.is(candidate, -0));
    assert(
      property(json, (expected) => {
        const text = JSON.stringify(expected, (_, item: unknown) => (Object.is(item, -0) ? 0 : item));
        expect(JSON.stringify(value(text), sorted)).toBe(JSON.stringify(JSON.parse(text), sorted));
      }),
      { numRuns: 200 },
    );
  });
});

function sorted(_: string, item: unknown): unknown {
  if (typeof item !== "object" || item === null || Array.isArray(item) || "rawJSON" in item) return item;
  return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test("parseYaml() does not read a bracket without its end again and again", () => {
  const began = process.cpuUsage();
  for (const piece of ["{a: ", "[a, ", "{a: 1, b: "])
    expect(() => parse(piece.repeat(500))).toThrow(/^yaml: line 1: /);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(1000);
});
