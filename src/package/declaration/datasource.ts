import { listOf, listOrEmpty, nullable, struct } from "../yaml/decode.ts";
import { free, freeMapOmitEmpty } from "../yaml/free.ts";
import { flag, float, integer, text } from "../yaml/values.ts";
import {
  autoGenerate,
  credentialsSchema,
  i18n,
  itemList,
  oauthSchema,
  parameterOptions,
  parameterTemplate,
} from "./shared.ts";

const datasourceParameter = struct("DatasourceParameter", {
  name: text,
  label: i18n,
  type: text,
  scope: nullable(text),
  required: flag,
  auto_generate: autoGenerate,
  template: parameterTemplate,
  default: free,
  min: nullable(float),
  max: nullable(float),
  precision: nullable(integer),
  options: parameterOptions,
  description: i18n,
});

/** A file of `datasources` (contract/plugin-package 2.7). */
export const datasource = struct("DatasourceDeclaration", {
  identity: struct("DatasourceIdentity", { author: text, name: text, label: i18n, icon: text }),
  parameters: listOf("DatasourceParameter", datasourceParameter),
  description: i18n,
  output_schema: freeMapOmitEmpty,
});

/** A file of `plugins.datasources`; its datasources are still to be read from their files. */
export const datasourceProvider = struct("DatasourceProvider", {
  identity: struct("DatasourceProviderIdentity", {
    author: text,
    name: text,
    description: i18n,
    icon: text,
    label: i18n,
    tags: listOrEmpty("string", text),
  }),
  credentials_schema: credentialsSchema,
  oauth_schema: nullable(oauthSchema),
  provider_type: text,
  datasources: itemList(datasource),
});
