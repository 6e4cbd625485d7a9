import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { type CallAnswer, parseCall } from "../support/daemon-api.ts";
import { isRunning, until } from "../support/processes.ts";

setDefaultTimeout(30_000);

const CALLS = 50;
const MIB = 1024 * 1024;

let daemon: LocalDaemon;

beforeAll(async () => {
  daemon = await startTestDaemon({
    env: { PLUGIN_MEMORY_FLOOR: String(256 * MIB) },
  });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Starts a call and answers when the first bytes of its answer are there; `rest` resolves with all of it. */
async function underWay(pluginId: string, parameters: Readonly<Record<string, unknown>>) {
  const response = await daemon.api.open(pluginId, parameters);
  const reader = response.body?.getReader();
  if (!reader) throw new Error("There is no body");
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value, { stream: true });
  const rest = async (): Promise<CallAnswer> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return parseCall(text, response);
      text += decoder.decode(value, { stream: true });
    }
  };
  return { rest: rest() };
}

test("a plugin that dies in the middle of 50 calls ends each at once with its exit and stderr", async () => {
  const { pluginId } = await daemon.api.install({ name: "dies" });
  const { pid } = await daemon.api.facts(pluginId);
  const streams = await Promise.all(
    Array.from({ length: CALLS / 2 }, () => underWay(pluginId, { mode: "items", n: 1e6, delay_ms: 50 })),
  );
  const silent = Array.from({ length: CALLS / 2 }, () => daemon.api.call(pluginId, { mode: "hang" }));
  await until("all are open", async () => (await daemon.api.health()).busy === CALLS);

  const killed = performance.now();
  const last = daemon.api.call(pluginId, { mode: "exit-code", code: 7, stderr: "Traceback: out of luck\n" });
  const answers = await Promise.all([...streams.map(({ rest }) => rest), ...silent, last]);
  expect(performance.now() - killed).toBeLessThan(2500);
  for (const { status, type, failure } of answers) {
    expect([status, type]).toEqual([200, "text/event-stream"]);
    expect(failure?.error_type).toBe("ConnectionClosedError");
    expect(failure?.message).toBe(
      'Connection closed unexpectedly: plugin "tests/dies:0.0.1" ended while it was called, it exited with 7',
    );
    expect(failure?.args).toEqual({
      exit_code: 7,
      signal: null,
      out_of_memory: false,
      stderr: "Traceback: out of luck\n",
    });
  }
  expect(answers.slice(0, CALLS / 2).every(({ items }) => items.length > 0)).toBe(true);
  expect((await daemon.api.health()).busy).toBe(0);

  const next = await daemon.api.facts(pluginId);
  expect(next.pid).not.toBe(pid);
});

test.each([
  ["leaves with 0", { mode: "silent-exit" }, { exit_code: 0, signal: null }],
  [
    "leaves with another code",
    { mode: "exit-code", code: 3, stderr: "bye" },
    { exit_code: 3, stderr: "bye\n" },
  ],
])("a plugin that %s in a call ends it with that", async (_, parameters, args) => {
  const { pluginId } = await daemon.api.install({ name: `leaves-${args.exit_code}` });
  const { failure } = await daemon.api.call(pluginId, parameters);
  expect(failure?.error_type).toBe("ConnectionClosedError");
  expect(failure?.args).toMatchObject(args);
  expect((await daemon.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
});

test("a plugin that ignores SIGTERM and the end of stdin is ended by an uninstallation and by a shutdown", async () => {
  const startKnobs = { ignoreSigterm: true, ignoreEof: true };
  const { pluginId } = await daemon.api.install({ name: "stays", startKnobs });
  const { pid } = await daemon.api.facts(pluginId);
  const [row] = (await daemon.api.installations()).filter((each) => each.plugin_id === pluginId);

  const other = await startTestDaemon();
  try {
    const twin = await other.api.install({ name: "stays", startKnobs });
    const { pid: twinPid } = await other.api.facts(twin.pluginId);
    const [uninstalled] = await Promise.all([
      daemon.api.post("/uninstall", { plugin_installation_id: row?.id }),
      other.close(),
    ]);
    expect([uninstalled.code, uninstalled.data]).toEqual([0, true]);
    expect([pid, twinPid].filter(isRunning)).toEqual([]);
  } finally {
    await other[Symbol.asyncDispose]();
  }
});

test("a grandchild that holds stdout keeps no call open, and dies with the plugin's group", async () => {
  const { pluginId } = await daemon.api.install({ name: "forks" });
  const waiting = daemon.api.call(pluginId, { mode: "hang" });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  const began = performance.now();
  const forked = await daemon.api.call(pluginId, {
    mode: "fork-grandchild-holding-stdout",
    exit: true,
    code: 4,
  });
  const [item] = forked.items as { message: { json_object: { pid: number } } }[];
  const { failure } = await waiting;
  expect(performance.now() - began).toBeLessThan(2500);
  expect(failure?.args).toMatchObject({ exit_code: 4 });
  const grandchild = item?.message.json_object.pid ?? 0;
  await until("the grandchild is gone", () => !isRunning(grandchild));
  expect((await daemon.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
});

test("a grandchild that left the group and holds stdout keeps no call open either", async () => {
  const { pluginId } = await daemon.api.install({ name: "escapes" });
  const waiting = daemon.api.call(pluginId, { mode: "hang" });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  const forked = await daemon.api.call(pluginId, {
    mode: "fork-grandchild-holding-stdout",
    escape: true,
    exit: true,
    seconds: 15,
  });
  const [item] = forked.items as { message: { json_object: { pid: number } } }[];
  const grandchild = item?.message.json_object.pid ?? 0;
  try {
    expect((await waiting).failure?.error_type).toBe("ConnectionClosedError");
    expect((await daemon.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
  } finally {
    if (isRunning(grandchild)) process.kill(grandchild, "SIGKILL");
  }
});

test("a plugin without a sign of life for too long is replaced, and its call is told", async () => {
  await using impatient = await startTestDaemon({ env: { PLUGD_SILENCE_TIMEOUT: "1" } });
  const { pluginId } = await impatient.api.install({
    name: "freezes",
    startKnobs: { heartbeatIntervalMs: 200 },
  });
  const { pid } = await impatient.api.facts(pluginId);
  const { failure } = await impatient.api.call(pluginId, { mode: "block", ms: 20_000 });
  expect(failure?.error_type).toBe("ConnectionClosedError");
  expect(failure?.message).toMatch(/it gave no sign of life for \d seconds/);
  expect(isRunning(pid)).toBe(false);
  expect((await impatient.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
});

test("a plugin over its memory limit is replaced, and its calls are told", async () => {
  const { pluginId } = await daemon.api.install({ name: "eats", memoryBytes: MIB });
  const waiting = daemon.api.call(pluginId, { mode: "hang" });
  await until("it is open", async () => (await daemon.api.health()).busy === 1);
  const { failure } = await daemon.api.call(pluginId, { mode: "alloc", bytes: 4096 * MIB, delay_ms: 20 });
  for (const each of [failure, (await waiting).failure]) {
    expect(each?.error_type).toBe("ConnectionClosedError");
    expect(each?.message).toContain("used more memory than its limit");
    expect(each?.args).toMatchObject({ out_of_memory: true });
  }
  expect((await daemon.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
});
