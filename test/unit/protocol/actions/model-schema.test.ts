import { describe, expect, test } from "bun:test";
import { decodeAs } from "../../../../src/protocol/actions/action.ts";
import { SchemaItem } from "../../../../src/protocol/actions/model-schema.ts";
import { PARAMETER_TEMPLATES } from "../../../../src/protocol/actions/model-templates.ts";

function schemaOf(declaration: unknown): unknown {
  const raw = JSON.stringify({ model_schema: declaration });
  const item: unknown = JSON.parse(decodeAs(SchemaItem)(JSON.parse(raw), raw) ?? "");
  return (item as { model_schema: unknown }).model_schema;
}

function ruleOf(rule: unknown): unknown {
  return (schemaOf({ model: "m", parameter_rules: [rule] }) as { parameter_rules: unknown[] })
    .parameter_rules[0];
}

describe("a model schema", () => {
  test("may be null", () => {
    expect(schemaOf(null)).toBeNull();
  });

  test("is filled like a stored declaration", () => {
    expect(schemaOf({ model: "x", model_type: "llm", more: 1 })).toEqual({
      model: "x",
      label: { en_US: "x" },
      model_type: "llm",
      features: null,
      fetch_from: "predefined-model",
      model_properties: null,
      deprecated: false,
      parameter_rules: [],
      pricing: null,
      more: 1,
    });
  });

  test("keeps a label, and gives one without English the model's name", () => {
    expect(schemaOf({ model: "x", label: { en_US: "X", zh_Hans: "某" } })).toMatchObject({
      label: { en_US: "X", zh_Hans: "某" },
    });
    expect(schemaOf({ model: "x", label: { zh_Hans: "某" } })).toMatchObject({
      label: { en_US: "x", zh_Hans: "某" },
    });
    expect(schemaOf({ model: "x", fetch_from: "customizable-model" })).toMatchObject({
      fetch_from: "customizable-model",
    });
    expect(schemaOf({ model: "x", fetch_from: "" })).toMatchObject({ fetch_from: "predefined-model" });
  });

  test("tells prices as plain decimals", () => {
    expect(
      schemaOf({ model: "x", pricing: { input: 0.01, output: "2.50", unit: "0.0010", currency: "USD" } }),
    ).toMatchObject({
      pricing: { input: "0.01", output: "2.5", unit: "0.001", currency: "USD" },
    });
    expect(schemaOf({ model: "x", pricing: { input: "1", unit: "1", currency: "USD" } })).toMatchObject({
      pricing: { input: "1", output: null, unit: "1", currency: "USD" },
    });
  });
});

describe("a parameter rule", () => {
  test("has all keys", () => {
    expect(ruleOf({ name: "k", type: "int" })).toEqual({
      name: "k",
      use_template: null,
      label: { en_US: "k" },
      type: "int",
      help: null,
      required: false,
      default: null,
      min: null,
      max: null,
      precision: null,
      options: [],
    });
  });

  test("takes from its template what it does not say itself", () => {
    const template = PARAMETER_TEMPLATES.get("max_tokens");
    expect(
      ruleOf({ name: "max_tokens", use_template: "max_tokens", max: 4096, default: 0, required: true }),
    ).toEqual({
      name: "max_tokens",
      use_template: "max_tokens",
      label: { en_US: "max_tokens" },
      type: "int",
      help: template?.help,
      required: true,
      default: 0,
      min: 1,
      max: 4096,
      precision: 0,
      options: [],
    });
    expect(ruleOf({ name: "f", use_template: "response_format" })).toMatchObject({
      options: ["JSON", "XML"],
      min: null,
    });
    expect(ruleOf({ name: "f", use_template: "response_format", options: ["YAML"] })).toMatchObject({
      options: ["YAML"],
    });
  });

  test("replaces a label without English entirely", () => {
    expect(ruleOf({ name: "k", label: { zh_Hans: "某" } })).toMatchObject({ label: { en_US: "k" } });
    expect(JSON.stringify(ruleOf({ name: "k", label: { zh_Hans: "某" } }))).not.toContain("某");
  });

  test("knows the eight templates, and fails with another", () => {
    for (const name of PARAMETER_TEMPLATES.keys())
      expect(ruleOf({ name: "k", use_template: name })).toBeDefined();
    expect([...PARAMETER_TEMPLATES.keys()]).toHaveLength(8);
    expect(() => ruleOf({ name: "k", use_template: "smell" })).toThrow(
      "unmarshal json failed: use_template smell not found",
    );
  });
});
