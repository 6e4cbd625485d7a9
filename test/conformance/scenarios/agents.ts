import type { Scenario, Step } from "./scenario.ts";
import { callsOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const FREE = { freeText: true } as const;
/** Ids of log entries differ from run to run. */
const LOG_IDS = { ignored: ["frames.*.data.message.id", "frames.*.data.message.parent_id"] };

const call = callsOf("gold/kitchen-agent");

function walk(parameters: object, more: object = {}) {
  return {
    agent_strategy_provider: "kitchen",
    agent_strategy: "walk",
    agent_strategy_params: parameters,
    ...more,
  };
}

const STEPS: readonly Step[] = [
  {
    name: "strategies",
    path: `${MANAGEMENT}/agent_strategies?page=1&page_size=256`,
    unordered: ["json.data"],
  },
  { name: "strategy", path: `${MANAGEMENT}/agent_strategy?plugin_id=gold/kitchen-agent&provider=kitchen` },
  {
    name: "strategy, other provider",
    path: `${MANAGEMENT}/agent_strategy?plugin_id=gold/kitchen-agent&provider=none`,
  },
  {
    name: "strategy, other plugin",
    path: `${MANAGEMENT}/agent_strategy?plugin_id=gold/none&provider=kitchen`,
  },
  { name: "strategy, missing parameter", path: `${MANAGEMENT}/agent_strategy`, ...FREE },
  { name: "strategies without paging", path: `${MANAGEMENT}/agent_strategies`, ...FREE },
  { name: "list of agents by category", path: `${MANAGEMENT}/agent-strategy/list?page=1&page_size=10` },
  call("walk", "/agent_strategy/invoke", walk({ instruction: "go", query: "where", maximum_iterations: 5 }), {
    ...LOG_IDS,
    envelope: {
      conversation_id: "c",
      app_id: "a",
      message_id: "m",
      context: { credentials: { tool_credentials: { p: "c1" } } },
    },
  }),
  call("walk with blobs", "/agent_strategy/invoke", walk({ query: "blob" }), LOG_IDS),
  call("walk with a large blob", "/agent_strategy/invoke", walk({ query: "blob", size: 500000 }), LOG_IDS),
  call("walk, error", "/agent_strategy/invoke", walk({ query: "fail" })),
  call("unknown strategy", "/agent_strategy/invoke", walk({}, { agent_strategy: "none" })),
  call("unknown strategy provider", "/agent_strategy/invoke", walk({}, { agent_strategy_provider: "none" })),
  call("no strategy", "/agent_strategy/invoke", walk({}, { agent_strategy: "" }), FREE),
  call(
    "no parameters",
    "/agent_strategy/invoke",
    { agent_strategy_provider: "kitchen", agent_strategy: "walk" },
    FREE,
  ),
];

/** Declarations of agent strategies, and what one emits: texts, logs, blobs, errors. */
export const agentsScenario: Scenario = {
  name: "agents",
  tenant: tenantOf(6),
  steps: [...installSteps("kitchen-agent.difypkg", "agent"), ...STEPS, uninstallStep("agent")],
};
