import { expect, test } from "bun:test";
import { spawnTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";

/** A daemon with a call that goes on until its time is over. */
async function withOpenCall(tookSeconds: number) {
  const daemon = await spawnTestDaemon({ env: { PLUGD_DRAIN_TIMEOUT: "30" } });
  const { pluginId } = await daemon.api.install({ name: "stops" });
  const call = daemon.api.call(pluginId, { mode: "items", n: tookSeconds * 10, delay_ms: 100 });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  return { daemon, call };
}

test("a signal that comes twice at once is one: open calls come to their end", async () => {
  const { daemon, call } = await withOpenCall(1);
  await using _ = daemon;
  process.kill(daemon.pid, "SIGINT");
  daemon.kill("SIGTERM");
  const { items, failure } = await call;
  expect([items.length, failure]).toEqual([10, undefined]);
  expect(await daemon.exited).toBe(0);
  expect(daemon.log()).toContain("Stopped");
});

test("a second signal later ends at once, with its own exit code", async () => {
  const { daemon, call } = await withOpenCall(20);
  await using _ = daemon;
  const cut = call.then(
    () => "answered",
    () => "cut",
  );
  daemon.kill("SIGTERM");
  await until("it stops", () => daemon.log().includes("Stopping"));
  let ended = false;
  void daemon.exited.then(() => (ended = true));
  await until(
    "it is gone",
    () => {
      if (!ended) daemon.kill("SIGTERM");
      return ended;
    },
    { withinMs: 5000 },
  );
  expect(await daemon.exited).toBe(143);
  await cut;
});
