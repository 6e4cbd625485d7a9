import { expect, test } from "bun:test";
import { CliError } from "../../../src/cli/cli-error.ts";
import type { Tool } from "../../../src/cli/installed-plugin.ts";
import { parseObject, toolArguments } from "../../../src/cli/tool-arguments.ts";

const tool: Tool = {
  identity: { name: "search" },
  parameters: [
    { name: "query", type: "string", required: true, default: null },
    { name: "count", type: "number", default: 5 },
    { name: "safe", type: "boolean" },
    { name: "tags", type: "array" },
  ],
};

const read = (pairs: string[], json?: string, of: Tool = tool) => toolArguments(pairs, { tool: of, json });

test("toolArguments() makes of each text what the tool declares", () => {
  expect(read(["query=12", "count=2.5", "safe=yes", 'tags=["a"]']).values).toEqual({
    query: "12",
    count: 2.5,
    safe: true,
    tags: ["a"],
  });
});

test("toolArguments() keeps what stands behind the first equals sign", () => {
  expect(read(["query=a=b:=c"]).values["query"]).toBe("a=b:=c");
});

test("toolArguments() takes key:=json as JSON, whatever is declared", () => {
  expect(read(["query:=[1]", "count:=null"]).values).toEqual({ query: [1], count: null });
});

test("toolArguments() lets single parameters override --json", () => {
  expect(read(["count=1"], '{"query":"x","count":2,"safe":false}').values).toEqual({
    query: "x",
    count: 1,
    safe: false,
  });
});

test("toolArguments() fills defaults and asks for what is required", () => {
  expect(read(["query=x"]).values).toEqual({ query: "x", count: 5 });
  expect(() => read([])).toThrow('Tool "search" needs "query"');
});

test("toolArguments() tells undeclared names, unless the tool has parameters at run time", () => {
  expect(read(["query=x", "other=1"])).toEqual({
    values: { query: "x", other: "1", count: 5 },
    undeclared: ["other"],
  });
  expect(
    read(["query=x", "other=1"], undefined, { ...tool, has_runtime_parameters: true }).undeclared,
  ).toEqual([]);
});

test("toolArguments() keeps a parameter called __proto__ a parameter", () => {
  expect(Object.keys(read(["query=x", "__proto__=1"]).values)).toContain("__proto__");
});

test.each([
  [["query"], '"query" is no parameter'],
  [["=x"], '"=x" is no parameter'],
  [[":=1"], '":=1" is no parameter'],
  [["count=many"], '"count" must be a number, not "many"'],
  [["count="], '"count" must be a number, not ""'],
  [["safe=perhaps"], '"safe" must be true or false, not "perhaps"'],
  [["tags=a,b"], '"tags" (array) must be JSON, not "a,b"'],
  [["query:=x"], '"query" must be JSON, not "x"'],
])("toolArguments(%p) fails as a usage error", (pairs, message) => {
  let failure: unknown;
  try {
    read(pairs);
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(CliError);
  expect(failure).toMatchObject({ message, exitCode: 2 });
});

test("parseObject() refuses what is no object and never repeats the text", () => {
  for (const text of ["sk-secret", '["sk-secret"]', '"sk-secret"', "null"]) {
    const parse = () => parseObject(text, "--credentials");
    expect(parse).toThrow("--credentials must be a JSON object");
    expect(parse).not.toThrow(/sk-secret/);
  }
});
