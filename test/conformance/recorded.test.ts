/** What the reference answered to hundreds of requests, against what this daemon answers to the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import { DEVIATIONS } from "./deviations.ts";
import { exchange } from "./exchange.ts";
import { readPackage, readRecorded } from "./golden-files.ts";
import { judge } from "./judge.ts";
import { startRecordedPlatform } from "./recorded-platform.ts";
import { runScenario } from "./run-scenario.ts";
import { SCENARIOS } from "./scenarios/all-scenarios.ts";

/** The first plugin with the SDK may have to download it. */
const SCENARIO_LIMIT_MS = 180_000;

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const platform = startRecordedPlatform();
let daemon: SdkDaemon | undefined;

beforeAll(async () => {
  const env = { FORCE_VERIFYING_SIGNATURE: "false", ...platform.env };
  if (why === "") daemon = await startSdkDaemon({ env });
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  platform[Symbol.dispose]();
});

for (const scenario of SCENARIOS)
  test.skipIf(why !== "")(
    `scenario ${scenario.name} is answered as recorded${why}`,
    async () => {
      if (!daemon) throw new Error("There is no daemon");
      const target = { hostname: "127.0.0.1", port: daemon.port };
      const outcomes = await runScenario(scenario, {
        host: `${target.hostname}:${target.port}`,
        serverKey: daemon.key,
        recorded: readRecorded(scenario.name),
        readPackage,
        platform,
        send: (request, options) => exchange(target, request, options),
      });
      expect(
        judge(
          outcomes,
          DEVIATIONS.filter((deviation) => deviation.scenario === scenario.name),
        ),
      ).toEqual([]);
    },
    SCENARIO_LIMIT_MS,
  );
