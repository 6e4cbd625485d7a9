import { expect, test } from "bun:test";
import { spawnTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";

test("a signal that comes twice at once is one: open calls come to their end", async () => {
  await using daemon = await spawnTestDaemon({ env: { PLUGD_DRAIN_TIMEOUT: "30" } });
  const { pluginId } = await daemon.api.install({ name: "stops" });
  const call = daemon.api.call(pluginId, { mode: "items", n: 10, delay_ms: 100 });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  process.kill(daemon.pid, "SIGINT");
  daemon.kill("SIGTERM");
  const { items, failure } = await call;
  expect([items.length, failure]).toEqual([10, undefined]);
  expect(await daemon.exited).toBe(0);
  expect(daemon.log()).toContain("Stopped");
});
