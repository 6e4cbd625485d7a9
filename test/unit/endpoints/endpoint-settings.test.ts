import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseExact } from "../../../src/lib/exact-json.ts";
import {
  checkSettings,
  keepSecrets,
  maskSecrets,
  readSettingFields,
} from "../../../src/service/endpoint-settings.ts";

const MODEL = { provider: "p", model: "m", model_type: "llm" };

function check(settings: Readonly<Record<string, unknown>>, field: Readonly<Record<string, unknown>>): void {
  checkSettings(settings, readSettingFields([{ name: "x", ...field }]));
}

describe("checkSettings()", () => {
  test.each([
    ["text-input", 5, "setting x is not a string"],
    ["secret-input", {}, "setting x is not a string"],
    ["select", 1, "setting x is not a string"],
    ["select", "c", "setting x is not a valid option"],
    ["boolean", "true", "setting x is not a boolean"],
    ["boolean", 1, "setting x is not a boolean"],
    ["app-selector", "a", "setting x is not a map"],
    ["app-selector", [], "setting x is not a map"],
    ["app-selector", {}, "setting x is missing app_id"],
    ["model-selector", 5, "setting x is not a map"],
    ["model-selector", {}, "setting x is missing provider"],
    ["model-selector", { provider: "p" }, "setting x is missing model"],
    ["model-selector", { provider: "p", model: "m" }, "setting x is missing model_type"],
  ])("refuses for a %s %j: %s", (type, value, message) => {
    const options = [{ value: "a", label: {} }, { value: "b" }];
    expect(() => check({ x: value }, { type, options })).toThrow(`failed to validate settings: ${message}`);
  });

  test.each([
    ["text-input", ""],
    ["secret-input", "s"],
    ["select", "b"],
    ["boolean", false],
    ["app-selector", { app_id: "a", more: 1 }],
    ["model-selector", { ...MODEL, more: 1 }],
    ["array[tools]", 5],
    ["any", { a: 1 }],
    ["text-input", null],
  ])("takes for a %s %j", (type, value) => {
    check({ x: value, unknown: [1] }, { type, options: [{ value: "b" }] });
  });

  test.each([
    ["all", {}, undefined],
    ["llm", {}, undefined],
    ["text-embedding", {}, undefined],
    ["speech2text", {}, undefined],
    ["moderation", {}, undefined],
    ["rerank", {}, "setting x is missing score_threshold"],
    ["rerank", { score_threshold: 0.5 }, "setting x is missing top_n"],
    ["rerank", { score_threshold: null, top_n: 3 }, undefined],
    ["tts", {}, "setting x is missing voice"],
    ["tts", { voice: "v" }, undefined],
    ["vision", {}, "setting x is missing completion_params"],
    ["vision", { completion_params: {} }, undefined],
    ["tool-call&llm", {}, "setting x is not a valid model config scope"],
    ["document", {}, "setting x is not a valid model config scope"],
    [null, {}, undefined],
  ])("wants of a model of scope %j with %j: %s", (scope, more, message) => {
    const attempt = () => check({ x: { ...MODEL, ...more } }, { type: "model-selector", scope });
    if (message === undefined) attempt();
    else expect(attempt).toThrow(`failed to validate settings: ${message}`);
  });

  test("takes a number that is kept as text for a number", () => {
    const { exact } = parseExact('{"x":1.0}');
    const settings = exact as Readonly<Record<string, unknown>>;
    expect(() => check(settings, { type: "app-selector" })).toThrow("setting x is not a map");
    expect(() => check(settings, { type: "text-input" })).toThrow("setting x is not a string");
  });

  test("counts null and inherited names as missing", () => {
    for (const settings of [{}, { x: null }])
      expect(() => check(settings, { type: "any", required: true })).toThrow("missing required setting: x");
    expect(() => check({}, { name: "constructor", type: "any", required: true })).toThrow(
      "missing required setting: constructor",
    );
  });

  test("takes 64 settings, and not one more", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]));
    check(many(64), { type: "any" });
    expect(() => check(many(65), { type: "any" })).toThrow("too many setting fields");
  });
});

describe("maskSecrets()", () => {
  const fields = readSettingFields([
    { name: "s", type: "secret-input" },
    { name: "t", type: "text-input" },
  ]);

  test.each([
    ["", ""],
    ["a", "*"],
    ["abcdef", "******"],
    ["abcdefg", "ab***fg"],
    ["secret-value-1", "se**********-1"],
    ["😀😀😀😀😀😀😀", "😀😀***😀😀"],
  ])("shows %j as %j", (secret, shown) => {
    expect(maskSecrets({ s: secret, t: secret, u: secret }, fields)).toEqual({
      s: shown,
      t: secret,
      u: secret,
    });
  });

  test("leaves alone what is no text", () => {
    expect(maskSecrets({ s: 5 }, fields)).toEqual({ s: 5 });
    expect(maskSecrets({}, fields)).toEqual({});
  });

  test("is undone by keepSecrets(), and a text that differs is a new secret", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (secret, other) => {
        const old = { s: secret, t: "x" };
        const shown = maskSecrets(old, fields);
        expect(keepSecrets(shown, { old, fields })).toEqual(old);
        if (other !== shown["s"]) expect(keepSecrets({ s: other }, { old, fields })).toEqual({ s: other });
      }),
    );
    expect(keepSecrets({ s: "*" }, { old: { s: 5 }, fields })).toEqual({ s: "*" });
  });
});

describe("readSettingFields()", () => {
  test("leaves out what is no field", () => {
    expect(readSettingFields([null, 5, [], {}, { name: "a" }, { name: "b", type: 5 }])).toEqual([]);
    expect(
      readSettingFields([{ name: "a", type: "t", required: "yes", scope: 1, options: [1, { value: 2 }] }]),
    ).toEqual([{ name: "a", type: "t", required: false, scope: undefined, options: [] }]);
  });
});
