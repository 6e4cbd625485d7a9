import { DaemonError } from "../../protocol/daemon-error.ts";
import { type Decoder, listOf, listOrEmpty, nullable, struct, type StructOf } from "../yaml/decode.ts";
import { free, freeMapAnyKeys } from "../yaml/free.ts";
import { decimal, flag, float, integer, text } from "../yaml/values.ts";
import { PARAMETER_RULE_TEMPLATES } from "./parameter-templates.ts";
import { i18n } from "./shared.ts";

const ruleFields = {
  name: text,
  use_template: nullable(text),
  label: nullable(i18n),
  type: nullable(text),
  help: nullable(i18n),
  required: flag,
  default: free,
  min: nullable(float),
  max: nullable(float),
  precision: nullable(integer),
  options: listOf("string", text),
};
const plainRule = struct("ModelParameterRule", ruleFields);

/** A parameter rule with its template filled in. Throws `bad_request` at once for a template that there is not. */
const parameterRule: Decoder<StructOf<typeof ruleFields>> = (node, context) => {
  const rule = plainRule(node, context);
  // Comes first, so the label of a template never counts; one without English is given up whole.
  const label = rule.label?.en_US ? rule.label : { en_US: rule.name };
  if (!rule.use_template) return { ...rule, label, options: rule.options ?? [] };
  const template = PARAMETER_RULE_TEMPLATES.get(rule.use_template);
  if (!template) throw new DaemonError("bad_request", `use_template ${rule.use_template} not found`);
  return {
    ...rule,
    label,
    type: rule.type ?? template.type,
    help: rule.help ?? { ...template.help },
    default: rule.default ?? template.default ?? null,
    min: rule.min ?? template.min ?? null,
    max: rule.max ?? template.max ?? null,
    precision: rule.precision ?? template.precision ?? null,
    options: rule.options ?? [...(template.options ?? [])],
  };
};

const modelFields = {
  model: text,
  label: i18n,
  model_type: text,
  features: listOf("string", text),
  fetch_from: text,
  model_properties: freeMapAnyKeys,
  deprecated: flag,
  parameter_rules: listOrEmpty("ModelParameterRule", parameterRule),
  pricing: nullable(
    struct("ModelPricing", { input: decimal, output: nullable(decimal), unit: decimal, currency: text }),
  ),
};
const plainModel = struct("ModelDeclaration", modelFields);

/** A predefined model (contract/plugin-package 2.4). */
export const model: Decoder<StructOf<typeof modelFields>> = (node, context) => {
  const value = plainModel(node, context);
  return {
    ...value,
    label: value.label.en_US ? value.label : { ...value.label, en_US: value.model },
    fetch_from: value.fetch_from || "predefined-model",
  };
};
