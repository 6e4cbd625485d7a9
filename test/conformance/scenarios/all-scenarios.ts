import { agentsScenario } from "./agents.ts";
import { backScenario } from "./back.ts";
import { datasourcesScenario } from "./datasources.ts";
import { debuggingScenario } from "./debugging.ts";
import { endpointsScenario } from "./endpoints.ts";
import { errorsScenario } from "./errors.ts";
import { installScenario } from "./install.ts";
import { modelsScenario } from "./models.ts";
import { packagesScenario } from "./packages.ts";
import type { Scenario } from "./scenario.ts";
import { systemScenario } from "./system.ts";
import { toolsScenario } from "./tools.ts";
import { triggersScenario } from "./triggers.ts";
import { wireScenario } from "./wire.ts";

/** Every scenario whose answers are recorded. */
export const SCENARIOS: readonly Scenario[] = [
  systemScenario,
  packagesScenario,
  installScenario,
  wireScenario,
  toolsScenario,
  modelsScenario,
  agentsScenario,
  datasourcesScenario,
  triggersScenario,
  endpointsScenario,
  backScenario,
  errorsScenario,
  debuggingScenario,
];
