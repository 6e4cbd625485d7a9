import { describe, expect, test } from "bun:test";
import { agentStrategy } from "../../../src/package/declaration/agent-strategy.ts";
import { datasourceProvider } from "../../../src/package/declaration/datasource.ts";
import { endpointProvider } from "../../../src/package/declaration/endpoint.ts";
import { providerConfig } from "../../../src/package/declaration/shared.ts";
import { tool, toolProvider } from "../../../src/package/declaration/tool.ts";
import { event, triggerProvider } from "../../../src/package/declaration/trigger.ts";
import { type Decoder, decodeYaml } from "../../../src/package/yaml/decode.ts";

function decode<T>(text: string, decoder: Decoder<T>): T {
  return decodeYaml(new TextEncoder().encode(text), decoder);
}
const CONFIG = {
  name: "key",
  type: "",
  scope: null,
  required: false,
  default: null,
  options: null,
  multiple: false,
  label: { en_US: "" },
  help: null,
  url: null,
  placeholder: null,
};

describe("credentials", () => {
  test("every key of a field is printed", () => {
    expect(JSON.stringify(decode("name: key\n", providerConfig))).toBe(JSON.stringify(CONFIG));
  });

  test("a mapping becomes a list in document order, named by its keys", () => {
    const { credentials_schema: list } = decode(
      "credentials_for_provider:\n  zed: {name: other, type: text-input}\n  10: {type: select}\n  a: {}\n",
      toolProvider,
    );
    expect(list.map(({ name, type }) => [name, type])).toEqual([
      ["zed", "text-input"],
      ["10", "select"],
      ["a", ""],
    ]);
  });

  test("a list counts, too, and comes before credentials_for_provider", () => {
    const both = "credentials_schema: [{name: key}]\ncredentials_for_provider: {other: {}}\n";
    expect(decode(both, toolProvider).credentials_schema).toEqual([CONFIG]);
    expect(
      decode("credentials_schema: {}\ncredentials_for_provider: {key: {}}\n", toolProvider),
    ).toMatchObject({
      credentials_schema: [CONFIG],
    });
  });

  test("absent, null and empty give an empty list", () => {
    for (const text of [
      "",
      "credentials_schema: ~\n",
      "credentials_schema: {}\n",
      "credentials_schema: []\n",
    ])
      expect(decode(text, datasourceProvider).credentials_schema).toEqual([]);
  });

  test("aliases: ignored in a mapping, a list in place of the whole, a mapping there is an error", () => {
    const one = "x: &c {type: select}\ncredentials_schema: {a: *c, b: {}}\n";
    expect(decode(one, datasourceProvider).credentials_schema.map(({ name }) => name)).toEqual(["b"]);
    const list = "x: &c [{name: a}]\ncredentials_schema: *c\n";
    expect(decode(list, datasourceProvider).credentials_schema.map(({ name }) => name)).toEqual(["a"]);
    const map = "x: &c {a: {}}\ncredentials_schema: *c\n";
    expect(() => decode(map, datasourceProvider)).toThrow("cannot unmarshal !!map into []ProviderConfig");
    expect(decode(map, toolProvider).credentials_schema).toEqual([]);
  });
});

describe("tool files", () => {
  test("every key of a parameter is printed, and what we don't know is forwarded", () => {
    const { parameters } = decode(
      "parameters:\n  - {name: p, default: 1e3, options: [{value: 1.50}], show_on: [{variable: a}], max_length: 5}\n",
      tool,
    );
    expect(JSON.stringify(parameters)).toBe(
      JSON.stringify([
        {
          name: "p",
          label: { en_US: "" },
          human_description: { en_US: "" },
          type: "",
          scope: null,
          form: "",
          llm_description: "",
          required: false,
          auto_generate: null,
          template: null,
          default: 1000,
          min: null,
          max: null,
          multiple: false,
          precision: null,
          options: [{ value: "1.50", label: { en_US: "" }, icon: "" }],
          show_on: [{ variable: "a" }],
          max_length: 5,
        },
      ]),
    );
  });

  test("items: inline mappings and paths; aliases and other things count for nothing", () => {
    const list = decode(
      "x: &t {identity: {name: no}}\ntools: [a.yaml, {identity: {name: i}}, *t, [b.yaml], 7]\n",
      toolProvider,
    );
    expect(list.tools.files).toEqual(["a.yaml", "7"]);
    expect(list.tools.inline).toMatchObject([{ identity: { name: "i" } }]);
    const alias = decode("x: &l [a.yaml]\ntools: *l\n", toolProvider);
    expect(alias.tools).toEqual({ inline: [], files: [] });
    expect(decode("tools: a.yaml\n", toolProvider).tools.files).toEqual([]);
  });

  test("oauth_schema is null, or has both lists", () => {
    expect(decode("", toolProvider).oauth_schema).toBeNull();
    expect(decode("oauth_schema: {client_schema: []}\n", toolProvider).oauth_schema).toEqual({
      client_schema: [],
      credentials_schema: null,
    });
    expect(() => decode("oauth_schema: {client_schema: {a: {}}}\n", toolProvider)).toThrow(
      "!!map into []ProviderConfig",
    );
  });

  test("an empty output_schema is left out, for strategies it is null", () => {
    expect("output_schema" in decode("output_schema: {}\n", tool)).toBe(false);
    expect(decode("", agentStrategy)).toMatchObject({ output_schema: null, features: [], parameters: null });
  });
});

describe("endpoint groups", () => {
  test("settings and endpoints are null without lists", () => {
    expect(decode("", endpointProvider)).toEqual({ settings: null, endpoints: null });
    expect(() => decode("settings: {a: {}}\n", endpointProvider)).toThrow("!!map into []ProviderConfig");
  });

  test("an inline endpoint that does not decode ends the list", () => {
    const text =
      "endpoints: [{path: /a, method: GET}, x.yaml, {path: /b, hidden: perhaps}, {path: /c}, y.yaml]\n";
    expect(decode(text, endpointProvider).endpoints).toEqual({
      inline: [{ path: "/a", method: "GET", hidden: false }],
      files: ["x.yaml"],
    });
  });
});

describe("triggers", () => {
  test("event parameters leave out what is not set, and options keep their type", () => {
    const { parameters } = decode(
      "parameters:\n  - {name: p, multiple: no, options: [{value: 1}, {value: x, label: {en_US: X}}]}\n  - {name: q, min: 0, scope: ''}\n",
      event,
    );
    expect(parameters).toEqual([
      {
        name: "p",
        label: { en_US: "" },
        type: "",
        required: false,
        options: [
          { label: { en_US: "" }, value: 1 },
          { label: { en_US: "X" }, value: "x" },
        ],
      },
      { name: "q", label: { en_US: "" }, type: "", required: false, scope: "", min: 0 },
    ]);
  });

  test("a constructor is null, or has its lists; oauth_schema stands where its key does", () => {
    const constructorOf = (text: string) => decode(text, triggerProvider).subscription_constructor;
    expect(constructorOf("")).toBeNull();
    expect(constructorOf("subscription_constructor: ~\n")).toBeNull();
    expect(constructorOf("subscription_constructor: {}\n")).toEqual({
      parameters: [],
      credentials_schema: [],
    });
    expect(constructorOf("subscription_constructor: {oauth_schema: ~}\n")).toEqual({
      parameters: [],
      credentials_schema: [],
      oauth_schema: { client_schema: null, credentials_schema: null },
    });
  });
});
