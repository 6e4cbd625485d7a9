import { expect, test } from "bun:test";
import { sampleJson } from "../../../src/service/author/run/sample-json.ts";

test.each([
  [{ type: "string" }, "text"],
  [{ type: "string", minLength: 6, maxLength: 8 }, "textxx"],
  [{ type: "string", maxLength: 2 }, "te"],
  [{ type: "string", format: "email" }, "someone@example.com"],
  [{ type: "number", minimum: 3 }, 3],
  [{ type: "number", maximum: -2 }, -2],
  [{ type: "integer", multipleOf: 7 }, 7],
  [{ type: "integer", exclusiveMinimum: 3 }, 4],
  [{ type: "boolean" }, true],
  [{ type: "null" }, null],
  [{ type: ["null", "integer"] }, 1],
  [{ enum: ["b", "a"] }, "b"],
  [{ const: 5, type: "string" }, 5],
  [{ type: "integer", default: 9 }, 9],
  [{ type: "array", items: { type: "integer" }, minItems: 2 }, [1, 1]],
  [{ type: "array", maxItems: 0 }, []],
  [{ anyOf: [{ type: "integer" }, { type: "null" }] }, 1],
  [{}, "text"],
  [true, {}],
  [null, null],
] as const)("sampleJson(%j) is %j", (schema, expected) => {
  expect(sampleJson(schema)).toEqual(expected);
});

test("sampleJson() fills every property of an object, and what is required without being described", () => {
  expect(
    sampleJson({ properties: { a: { type: "string" }, b: { type: "integer" } }, required: ["a", "c"] }),
  ).toEqual({ a: "text", b: 1, c: "text" });
});

test("sampleJson() follows references, joins what is combined, and ends where a schema refers to itself", () => {
  const schema = {
    $ref: "#/$defs/node",
    $defs: {
      node: {
        allOf: [{ properties: { name: { type: "string" } } }, { required: ["next"] }],
        properties: { next: { $ref: "#/$defs/node" } },
      },
    },
  };
  const sample = sampleJson(schema);
  expect(sample).toMatchObject({ name: "text", next: { name: "text", next: {} } });
  expect(JSON.stringify(sample).length).toBeLessThan(2000);
});
