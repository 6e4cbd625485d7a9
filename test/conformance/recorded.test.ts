/** What the reference answered to hundreds of requests, against what this daemon answers to the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readPackage as readPackageFiles } from "../../src/package/read-package.ts";
import { freePort } from "../support/daemon.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import { type Developer, pythonOf, startDeveloper } from "../support/sdk-developer.ts";
import { createDebugConnections } from "./debug-connections.ts";
import { DEVIATIONS } from "./deviations.ts";
import { exchange } from "./exchange.ts";
import { readPackage, readRecorded } from "./golden-files.ts";
import { judge } from "./judge.ts";
import { startRecordedPlatform } from "./recorded-platform.ts";
import { runScenario } from "./run-scenario.ts";
import { SCENARIOS } from "./scenarios/all-scenarios.ts";
import type { ProcessStep } from "./scenarios/scenario.ts";

/** The first plugin with the SDK may have to download it. */
const SCENARIO_LIMIT_MS = 180_000;

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const debugPort = freePort();
const connections = createDebugConnections(debugPort);
const platform = startRecordedPlatform();
let daemon: SdkDaemon | undefined;
let developer: Developer | undefined;

beforeAll(async () => {
  if (why === "")
    daemon = await startSdkDaemon({
      env: {
        FORCE_VERIFYING_SIGNATURE: "false",
        ...platform.env,
        PLUGIN_REMOTE_INSTALLING_ENABLED: "true",
        PLUGIN_REMOTE_INSTALLING_PORT: String(debugPort),
        PLUGD_DEBUG_GRACE: "1s",
        ...platform.env,
      },
    });
});
afterAll(async () => {
  developer?.[Symbol.dispose]();
  await connections.close();
  await daemon?.[Symbol.asyncDispose]();
  platform[Symbol.dispose]();
});

/** A plugin outside of the daemon, with the SDK of one inside. */
async function process(what: ProcessStep["process"], key: string): Promise<void> {
  developer?.[Symbol.dispose]();
  developer = undefined;
  if (what === "end" || !daemon) return;
  await daemon.add("hello");
  const { files } = await readPackageFiles(readPackage(`${what}.difypkg`), {
    maxUncompressedBytes: 10_000_000,
    publicKeys: [],
  });
  developer = startDeveloper({ files, python: pythonOf(daemon), port: debugPort, key });
}

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
        debugging: { connections, process },
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
