import type { ActionRow } from "./action.ts";
import { AGENT_STRATEGY_ACTIONS } from "./agent-strategy.ts";
import { DATASOURCE_ACTIONS } from "./datasource.ts";
import { DYNAMIC_PARAMETER_ACTIONS } from "./dynamic-parameter.ts";
import { MODEL_ACTIONS } from "./model.ts";
import { OAUTH_ACTIONS } from "./oauth.ts";
import { TOOL_ACTIONS } from "./tool.ts";
import { TRIGGER_ACTIONS } from "./trigger.ts";

export type { ActionRow } from "./action.ts";

/** THE catalogue: one row for each dispatch route, in the order of contract/http-api 3.2. Routes are made from it. */
export const ACTIONS: readonly ActionRow[] = [
  ...TOOL_ACTIONS,
  ...AGENT_STRATEGY_ACTIONS,
  ...MODEL_ACTIONS,
  ...OAUTH_ACTIONS,
  ...DYNAMIC_PARAMETER_ACTIONS,
  ...DATASOURCE_ACTIONS,
  ...TRIGGER_ACTIONS,
];
