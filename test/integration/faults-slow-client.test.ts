import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type ChildDaemon, spawnTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { openRawCall, rawToolRequest } from "../support/raw-call.ts";

const MIB = 1024 * 1024;
const BUFFER_BYTES = 16 * MIB;
/** Above the budget: what lies in sockets, pipes and garbage that was not collected yet. */
const ROOM_BYTES = BUFFER_BYTES + 90 * MIB;

setDefaultTimeout(30_000);

let daemon: ChildDaemon;

beforeAll(async () => {
  daemon = await spawnTestDaemon({
    env: { PLUGD_PLUGIN_BUFFER_BYTES: String(BUFFER_BYTES), PLUGD_STALL_TIMEOUT: "1" },
  });
});
afterAll(() => daemon[Symbol.asyncDispose]());

function rssBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Looks at the daemon's memory until disposed of; `grownBytes()` is the most that it saw above the first look. */
function watchMemory(): Disposable & { grownBytes(): number } {
  const first = rssBytes(daemon.pid);
  let most = first;
  const look = () => (most = Math.max(most, rssBytes(daemon.pid)));
  const timer = setInterval(look, 20);
  return {
    grownBytes: () => look() - first,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** A call whose client reads nothing from the first byte on. */
async function stuckCall(pluginId: string, parameters: Readonly<Record<string, unknown>>) {
  let paused = false;
  const call = await openRawCall({
    port: daemon.port,
    request: rawToolRequest(daemon, { pluginId, parameters }),
    onData(arrived) {
      if (!paused) arrived.pause();
      paused = true;
    },
  });
  await until("the answer has begun", () => call.receivedBytes > 0);
  return call;
}

test("a flood to a client that does not read leaves other calls of the plugin and the memory alone", async () => {
  const { pluginId } = await daemon.api.install({ name: "floods" });
  const { pid } = await daemon.api.facts(pluginId);
  using memory = watchMemory();
  const stuck = await stuckCall(pluginId, { mode: "flood" });
  try {
    await untilStill(pid);
    for (let n = 0; n < 3; n++) {
      const began = performance.now();
      const other = await daemon.api.call(pluginId, { mode: "items", n: 20, delay_ms: 10 });
      expect([other.items.length, other.failure]).toEqual([20, undefined]);
      // The budget is spent: the others wait for the stall timeout and no longer.
      expect(performance.now() - began).toBeLessThan(3500);
    }
    stuck.resume();
    await until("the slow client was told", () => stuck.text().includes("SlowConsumerError"));
    // What it had not taken is gone; the error is the last that it gets, and whole.
    const last = stuck
      .text()
      .trimEnd()
      .split("\n")
      .findLast((line) => line.startsWith("data: "));
    const outer = JSON.parse(JSON.parse((last ?? "").slice(6)).message);
    expect(JSON.parse(outer.message)).toMatchObject({
      error_type: "SlowConsumerError",
      args: { limit_bytes: BUFFER_BYTES },
    });
  } finally {
    stuck.terminate();
    // Nobody can tell it that its call has ended.
    process.kill(pid, "SIGKILL");
  }
  expect(memory.grownBytes()).toBeLessThan(ROOM_BYTES);
});

test("a lone slow client gets everything in the end, and meanwhile costs no more than the budget", async () => {
  const { pluginId } = await daemon.api.install({ name: "waits" });
  const { pid } = await daemon.api.facts(pluginId);
  using memory = watchMemory();
  const slow = await stuckCall(pluginId, { mode: "flood", n: 80_000, size: 1000 });
  // Longer than the stall timeout: nobody waits behind it, so it is not ended.
  await untilStill(pid);
  expect((await daemon.api.health()).busy).toBe(1);
  slow.resume();
  await until("all has arrived", () => slow.text().endsWith("\r\n0\r\n\r\n"), {
    withinMs: 20_000,
    everyMs: 100,
  });
  expect(slow.text().split('"type":"text"').length - 1).toBe(80_000);
  expect(slow.text()).not.toContain('"code":-');
  slow.terminate();
  expect(memory.grownBytes()).toBeLessThan(ROOM_BYTES);
});

/** Resolves when the budget is spent: the plugin can write no more. */
async function untilStill(pid: number): Promise<void> {
  let last = -1;
  let stillLooks = 0;
  await until(
    "the plugin has stood still for 2 s",
    () => {
      const now = cpuTicks(pid);
      stillLooks = now === last ? stillLooks + 1 : 0;
      last = now;
      return stillLooks === 10;
    },
    { everyMs: 200 },
  );
}

/** Processor time that a process has used, in ticks. */
function cpuTicks(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
