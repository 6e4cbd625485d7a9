import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeYaml } from "../../../src/package/yaml/decode.ts";
import { text } from "../../../src/package/yaml/values.ts";
import { quoteText, renderTemplate } from "../../../src/service/author/render-template.ts";

test("renderTemplate() puts values in as they are, or quoted", () => {
  expect(renderTemplate('a: {{"x"}}\nb: {{x}}/{{y}} ${{ github.token }}', { x: 'say "hi"', y: "z" })).toBe(
    'a: "say \\"hi\\""\nb: say "hi"/z ${{ github.token }}',
  );
});

test("renderTemplate() throws where a value is not given", () => {
  expect(() => renderTemplate("{{nothing}}", {})).toThrow('"nothing" is not given');
});

test("quoteText() is the same text for readers of YAML, JSON and TOML", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      const quoted = quoteText(value);
      expect(decodeYaml(new TextEncoder().encode(quoted), text)).toBe(value);
      expect(JSON.parse(quoted)).toBe(value);
      expect(Bun.TOML.parse(`x = ${quoted}`)).toEqual({ x: value });
    }),
  );
});

test("quoteText() escapes what readers of YAML 1.1 take for an end of line", () => {
  expect(quoteText("a\u2028b\u2029c\u0085d\u007f\ufeff")).toBe('"a\\u2028b\\u2029c\\u0085d\\u007f\\ufeff"');
});
