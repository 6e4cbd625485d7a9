import { type Decoder, listOf, nullable, struct, type StructOf } from "../yaml/decode.ts";
import { free, freeMapOmitEmpty } from "../yaml/free.ts";
import { flag, float, integer, text } from "../yaml/values.ts";
import {
  autoGenerate,
  i18n,
  itemIdentity,
  itemList,
  oauthSchema,
  parameterOptions,
  parameterTemplate,
  providerIdentity,
  toolCredentialsSchema,
} from "./shared.ts";

const toolParameter = struct("ToolParameter", {
  name: text,
  label: i18n,
  human_description: i18n,
  type: text,
  scope: nullable(text),
  form: text,
  llm_description: text,
  required: flag,
  auto_generate: autoGenerate,
  template: parameterTemplate,
  default: free,
  min: nullable(float),
  max: nullable(float),
  multiple: flag,
  precision: nullable(integer),
  options: parameterOptions,
});

const toolFields = {
  identity: itemIdentity,
  description: struct("ToolDescription", { human: i18n, llm: text }),
  parameters: listOf("ToolParameter", toolParameter),
  output_schema: freeMapOmitEmpty,
  has_runtime_parameters: flag,
};
/** A file of `tools` (contract/plugin-package 2.2). */
export const tool = struct("ToolDeclaration", toolFields);

const providerFields = {
  identity: providerIdentity,
  credentials_schema: toolCredentialsSchema,
  oauth_schema: nullable(oauthSchema),
  tools: itemList(tool),
};
const provider = struct("ToolProvider", {
  ...providerFields,
  credentials_for_provider: toolCredentialsSchema,
});

/** A file of `plugins.tools`; its tools are still to be read from their files. */
export const toolProvider: Decoder<StructOf<typeof providerFields>> = (node, context) => {
  const { credentials_for_provider: byName, ...rest } = provider(node, context);
  return rest.credentials_schema.length > 0 ? rest : { ...rest, credentials_schema: byName };
};
