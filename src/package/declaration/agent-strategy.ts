import { listOf, listOrEmpty, nullable, struct } from "../yaml/decode.ts";
import { free, freeMap } from "../yaml/free.ts";
import { flag, float, integer, text } from "../yaml/values.ts";
import {
  autoGenerate,
  i18n,
  itemIdentity,
  itemList,
  parameterOptions,
  parameterTemplate,
  providerIdentity,
} from "./shared.ts";

const strategyParameter = struct("AgentStrategyParameter", {
  name: text,
  label: i18n,
  help: i18n,
  type: text,
  auto_generate: autoGenerate,
  template: parameterTemplate,
  scope: nullable(text),
  required: flag,
  default: free,
  min: nullable(float),
  max: nullable(float),
  precision: nullable(integer),
  options: parameterOptions,
});

/** A file of `strategies` (contract/plugin-package 2.6). */
export const agentStrategy = struct("AgentStrategyDeclaration", {
  identity: itemIdentity,
  description: i18n,
  parameters: listOf("AgentStrategyParameter", strategyParameter),
  output_schema: freeMap,
  features: listOrEmpty("string", text),
});

/** A file of `plugins.agent_strategies`; its strategies are still to be read from their files. */
export const agentStrategyProvider = struct("AgentStrategyProvider", {
  identity: providerIdentity,
  strategies: itemList(agentStrategy),
});
