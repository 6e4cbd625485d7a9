import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  answerLines,
  namesIn,
  pidOf,
  spawnTestConnector,
  startTestConnector,
  untilInstances,
} from "../support/connector.ts";
import { isRunning, until } from "../support/processes.ts";
import { findSdkTools, sdkPackage } from "../support/sdk-daemon.ts";

/* Connectors that are killed, and what the next one finds. */

setDefaultTimeout(180_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

describe.skipIf(why !== "")(`a connector as a process${why}`, () => {
  test("that is killed in the middle of a launch has launched nothing, and the next launch succeeds; after it, the function is still there", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-connector-kill-"));
    const pkg = sdkPackage("kitchen-tools");
    try {
      await using first = await spawnTestConnector({ dataDir, alone: true });
      let seen = "";
      for await (const event of first.launch(pkg)) {
        seen = event.Message;
        if (/^Installing \d+ distributions/.test(seen)) break;
      }
      expect(seen).toStartWith("Installing");
      first.kill("SIGKILL");
      await first.exited;
      expect(await namesIn(dataDir, "functions")).toEqual([]);

      await using second = await spawnTestConnector({ dataDir, alone: true });
      expect(await second.functions()).toEqual([]);
      expect(await namesIn(dataDir, "packages")).toEqual([]);
      expect(await namesIn(dataDir, "cwd")).toEqual([]);
      const { endpoint, id } = await second.launched(pkg);
      const pid = await pidOf(second, endpoint);
      const open = await second.call(endpoint, { what: "slow", n: 100 });
      second.kill("SIGKILL");
      await second.exited;
      await until("its process has gone with it", () => !isRunning(pid));
      await open.text().catch(() => undefined);

      await using third = await startTestConnector({ dataDir, alone: true });
      const [entry] = await third.functions();
      expect(entry?.id).toBe(id);
      expect(entry?.instances.ready).toBe(0);
      expect(isRunning(await pidOf(third, entry?.endpoint ?? ""))).toBe(true);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test("answers hundreds of calls at once with two processes", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-connector-many-"));
    try {
      await using connector = await spawnTestConnector({
        dataDir,
        env: { PLUGD_CONNECTOR_MAX_INSTANCES: "2" },
      });
      const { endpoint } = await connector.launched(sdkPackage("kitchen-tools"));
      // As many as one process may have open at once, and more behind them.
      const answers = await Promise.all(
        Array.from({ length: 500 }, async () => {
          const response = await connector.call(endpoint, { what: "text", n: 2 });
          return [response.status, (await answerLines(response)).length];
        }),
      );
      expect(answers.filter(([status, lines]) => status !== 200 || lines !== 3)).toEqual([]);
      await untilInstances(connector, { calls: 0, waiting: 0 });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test("that is told to stop by SIGTERM lets an open call end, stops its functions and exits with 0", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plugd-connector-term-"));
    try {
      await using connector = await spawnTestConnector({ dataDir });
      const { endpoint, id } = await connector.launched(sdkPackage("kitchen-tools"));
      const pid = await pidOf(connector, endpoint);
      const logs = await connector.request(`/v1/functions/${id}/logs`);
      const open = await connector.call(endpoint, { what: "slow", n: 10 });
      connector.kill("SIGTERM");
      expect(await open.text()).toContain('"type":"end"');
      await logs.text();
      expect(await connector.exited).toBe(0);
      expect(isRunning(pid)).toBe(false);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
