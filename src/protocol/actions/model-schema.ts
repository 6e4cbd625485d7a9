import { Type } from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";
import { Decimal, DecimalOrNull } from "./decimal.ts";
import { Flag, ListOrNull, MapOrNull, OpenObject, Text, TextOrNull } from "./fields.ts";
import { unmarshalError } from "./unmarshal-error.ts";
import { PARAMETER_TEMPLATES } from "./model-templates.ts";

const NumberOrNull = Type.Union([Type.Number(), Type.Null()], { default: null });
const TEMPLATED = ["type", "help", "default", "min", "max", "precision", "options"] as const;
const DEFAULT_FETCH_FROM = "predefined-model";

const ParameterRule = OpenObject(
  {
    name: Text,
    use_template: TextOrNull,
    label: MapOrNull,
    type: TextOrNull,
    help: MapOrNull,
    required: Flag,
    default: Type.Unknown({ default: null }),
    min: NumberOrNull,
    max: NumberOrNull,
    precision: Type.Union([Type.Integer(), Type.Null()], { default: null }),
    options: Type.Array(Type.String(), { default: [] }),
  },
  { refine: resolveRule },
);

const ModelDeclaration = OpenObject(
  {
    model: Text,
    label: MapOrNull,
    model_type: Text,
    features: ListOrNull(Type.String()),
    fetch_from: Type.String({
      default: DEFAULT_FETCH_FROM,
      refine: (value: unknown) => value || DEFAULT_FETCH_FROM,
    }),
    model_properties: MapOrNull,
    deprecated: Flag,
    parameter_rules: Type.Array(ParameterRule, { default: [] }),
    pricing: Type.Union(
      [OpenObject({ input: Decimal, output: DecimalOrNull, unit: Decimal, currency: Text }), Type.Null()],
      { default: null },
    ),
  },
  { refine: (model) => (isRecord(model) ? withLabel(model, model["model"]) : model) },
);

/** The declaration of a model, filled like a stored one (contract/plugin-package 2.4, contract/http-api 4.9). */
export const SchemaItem = OpenObject({
  model_schema: Type.Union([ModelDeclaration, Type.Null()], { default: null }),
});

type JsonRecord = Readonly<Record<string, unknown>>;

function withLabel(model: JsonRecord, name: unknown): JsonRecord {
  const label = isRecord(model["label"]) ? model["label"] : {};
  return label["en_US"] ? model : { ...model, label: { ...label, en_US: name } };
}

/** A label without English is replaced entirely; then the template fills what is unset. */
function resolveRule(rule: unknown): unknown {
  if (!isRecord(rule)) return rule;
  const label = isRecord(rule["label"]) ? rule["label"] : {};
  const labelled = label["en_US"] ? rule : { ...rule, label: { en_US: rule["name"] } };
  const name = rule["use_template"];
  if (typeof name !== "string" || name === "") return labelled;
  const template = PARAMETER_TEMPLATES.get(name);
  if (!template) throw unmarshalError(`use_template ${name} not found`);
  const resolved: Record<string, unknown> = { ...labelled };
  for (const key of TEMPLATED) {
    const unset = key === "options" ? isEmptyList(resolved[key]) : resolved[key] === null;
    if (unset && template[key] !== undefined) resolved[key] = template[key];
  }
  return resolved;
}

/** The SDK writes an unset list of options as an empty one. */
function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
