import { describe, expect, test } from "bun:test";
import { model } from "../../../src/package/declaration/model.ts";
import { modelProvider } from "../../../src/package/declaration/model-provider.ts";
import { PARAMETER_RULE_TEMPLATES } from "../../../src/package/declaration/parameter-templates.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { type Decoder, decodeYaml } from "../../../src/package/yaml/decode.ts";
import { TINY, tinyPackage } from "../../support/pack.ts";
import { rejection } from "../../support/rejection.ts";

function decode<T>(text: string, decoder: Decoder<T>): T {
  return decodeYaml(new TextEncoder().encode(text), decoder);
}
const rule = (text: string) => decode(`parameter_rules: [${text}]\n`, model).parameter_rules[0];

describe("model files", () => {
  test("an empty one has every key", () => {
    expect(JSON.stringify(decode("model: m\n", model))).toBe(
      '{"model":"m","label":{"en_US":"m"},"model_type":"","features":null,"fetch_from":"predefined-model","model_properties":null,"deprecated":false,"parameter_rules":[],"pricing":null}',
    );
  });

  test("a label without English takes the name of the model", () => {
    expect(decode("model: m\nlabel: {ja_JP: モ}\n", model).label).toEqual({ en_US: "m", ja_JP: "モ" });
  });

  test("prices are texts", () => {
    const text = "pricing: {input: '2.50', output: 10, unit: 1e-6, currency: USD}\n";
    expect(decode(text, model).pricing).toEqual({
      input: "2.5",
      output: "10",
      unit: "0.000001",
      currency: "USD",
    });
    expect(decode("pricing: {}\n", model).pricing).toEqual({
      input: "0",
      output: null,
      unit: "0",
      currency: "",
    });
    expect(() => decode("pricing: {input: ''}\n", model)).toThrow("can't convert to decimal");
  });
});

describe("parameter rules", () => {
  test("without a template everything unset is null", () => {
    expect(JSON.stringify(rule("{name: n}"))).toBe(
      '{"name":"n","use_template":null,"label":{"en_US":"n"},"type":null,"help":null,"required":false,"default":null,"min":null,"max":null,"precision":null,"options":[]}',
    );
  });

  test.each([...PARAMETER_RULE_TEMPLATES.keys()])("the template %s fills in what is unset", (name) => {
    const template = PARAMETER_RULE_TEMPLATES.get(name);
    expect(rule(`{name: n, use_template: ${name}, max: ~}`)).toEqual({
      name: "n",
      use_template: name,
      label: { en_US: "n" },
      required: false,
      type: template?.type ?? null,
      help: { en_US: "", ...template?.help },
      default: template?.default ?? null,
      min: template?.min ?? null,
      max: template?.max ?? null,
      precision: template?.precision ?? null,
      options: [...(template?.options ?? [])],
    });
  });

  test("what is set stays, also if it is zero or empty", () => {
    expect(
      rule(
        "{name: n, use_template: top_k, required: true, default: 0, min: 0, type: float, options: [], help: {en_US: h}}",
      ),
    ).toMatchObject({
      required: true,
      default: 0,
      min: 0,
      max: 100,
      type: "float",
      options: [],
      help: { en_US: "h" },
    });
  });

  test("a label without English is replaced by the name", () => {
    expect(rule("{name: n, use_template: top_p, label: {zh_Hans: 标}}")?.label).toEqual({ en_US: "n" });
    expect(rule("{name: n, label: {en_US: L, zh_Hans: 标}}")?.label).toEqual({ en_US: "L", zh_Hans: "标" });
  });

  test("an unknown template stops at once", () => {
    expect(() => decode("deprecated: perhaps\nparameter_rules: [{use_template: nope}]\n", model)).toThrow(
      /^use_template nope not found$/,
    );
  });
});

describe("model providers", () => {
  test("forms have lists where they have nothing", () => {
    const { provider_credential_schema: schema } = decode(
      "provider_credential_schema: {credential_form_schemas: [{variable: v, options: [{value: 1}]}]}\n",
      modelProvider,
    );
    expect(schema?.credential_form_schemas).toEqual([
      {
        variable: "v",
        label: { en_US: "" },
        type: "",
        required: false,
        default: null,
        options: [{ label: { en_US: "" }, value: "1", show_on: [] }],
        help: null,
        url: null,
        placeholder: null,
        max_length: 0,
        show_on: [],
      },
    ]);
    expect(decode("provider_credential_schema: {}\n", modelProvider).provider_credential_schema).toEqual({
      credential_form_schemas: [],
    });
  });
});

describe("models of a package", () => {
  const manifest = (TINY["manifest.yaml"] ?? "").replace("tools: [p.yaml]", "models: [m.yaml]");
  const modelOf = async (files: Readonly<Record<string, string>>) => {
    const bytes = tinyPackage({ "manifest.yaml": manifest, ...files });
    const { declaration } = await readPackage(bytes, { maxUncompressedBytes: 1e6, publicKeys: [] });
    return declaration.model ?? {};
  };
  const names = (models: unknown) =>
    Array.isArray(models) ? models.map((item: unknown) => Object(item).model as unknown) : [];

  test("globs find files in archive order, position files stay out", async () => {
    const found = await modelOf({
      "m.yaml":
        "models:\n  llm: {predefined: [x/*.yaml], position: x/_position.yaml}\n  tts: {predefined: ['x/b*']}\n  odd: {predefined: [p.yaml]}\n",
      "x/b.yaml": "model: b\n",
      "x/_position.yaml": "- b\n- ~\n- a\n",
      "x/a.yaml": "model: a\n",
      "x/deep/c.yaml": "model: c\n",
    });
    expect(names(found.models)).toEqual(["b", "b", "a"]);
    expect(found.position).toEqual({ llm: ["b", "a"] });
    expect(found.description).toEqual({ en_US: "d" });
  });

  test("the mapping form has a position, the others only where it is given", async () => {
    expect(await modelOf({ "m.yaml": "models: {llm: {}}\n" })).toMatchObject({ position: {}, models: [] });
    const inline = await modelOf({ "m.yaml": "models: [{model: i}]\ndescription: {en_US: own}\n" });
    expect(names(inline.models)).toEqual(["i"]);
    expect("position" in inline).toBe(false);
    expect(inline.description).toEqual({ en_US: "own" });
    const named = await modelOf({ "m.yaml": "model_declarations: [{model: j}]\nposition: {tts: [j]}\n" });
    expect(names(named.models)).toEqual(["j"]);
    expect(named.position).toEqual({ tts: ["j"] });
    expect("model_declarations" in named).toBe(false);
  });

  test("says which position file cannot be read, and what glob is malformed", async () => {
    const missing = modelOf({ "m.yaml": "models: {llm: {position: no.yaml}}\n" });
    expect(missing).rejects.toThrow(
      "open no.yaml: file does not exist\nfailed to read llm position file: no.yaml",
    );
    const malformed = modelOf({ "m.yaml": "models: {llm: {predefined: ['[']}}\n" });
    expect(await rejection(malformed)).toHaveProperty("message", "syntax error in pattern: [");
  });
});
