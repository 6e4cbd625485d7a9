import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallAnswer } from "../support/daemon-api.ts";
import { isRunning, until } from "../support/processes.ts";
import { findSdkTools, renamed, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/* Processes of the SDK that die, are stopped, and come back, while they are called. */

setDefaultTimeout(180_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const MANY = 10;

const greet = (daemon: SdkDaemon, pluginId: string) =>
  daemon.ask(pluginId, {
    path: "/tool/invoke",
    data: { provider: "hello", tool: "greet", tool_parameters: { name: "you" }, credentials: {} },
  });
const answered = ({ items, failure }: CallAnswer) => failure ?? items.length;

describe.skipIf(why !== "")(`a process of the SDK${why}`, () => {
  let daemon: SdkDaemon;
  let pluginId: string;
  let installation: string;

  beforeAll(async () => {
    daemon = await startSdkDaemon();
    ({ pluginId, installation } = await daemon.add("kitchen-tools"));
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  const call = (tool_parameters: object, signal?: AbortSignal) => ({
    path: "/tool/invoke",
    data: { provider: "kitchen", tool: "say", tool_parameters, credentials: {} },
    ...(signal && { signal }),
  });
  async function pid(): Promise<number> {
    const { items, text } = await daemon.ask(pluginId, call({ what: "pid" }));
    const [item] = items as { message: { json_object: { pid: number } } }[];
    if (!item) throw new Error(text);
    return item.message.json_object.pid;
  }

  test("that is killed ends its calls at once, with what they have said so far, and the next call is answered", async () => {
    const before = await pid();
    const open = Array.from({ length: 5 }, () => daemon.stream(pluginId, call({ what: "slow", n: 200 })));
    // A head goes out with the first item.
    const responses = await Promise.all(open);
    const killed = performance.now();
    process.kill(before, "SIGKILL");
    const texts = await Promise.all(responses.map((response) => response.text()));
    expect(performance.now() - killed).toBeLessThan(5000);
    for (const text of texts) {
      expect(text).toStartWith('data: {"code":0,');
      expect(text).toContain("ConnectionClosedError");
      expect(text).toContain("SIGKILL");
    }
    const after = await pid();
    expect(after).not.toBe(before);
    expect(isRunning(before)).toBe(false);
  });

  test("that is killed while nothing calls comes back by itself", async () => {
    const before = await pid();
    const readyTimes = () => daemon.log().split("Plugin ready").length;
    const ready = readyTimes();
    process.kill(before, "SIGKILL");
    await until("the process is gone", () => !isRunning(before));
    await until("another one says that it lives", () => readyTimes() > ready, {
      withinMs: 30_000,
    });
    expect(await pid()).not.toBe(before);
  });

  test("goes on when a client leaves in the middle of its answer", async () => {
    const before = await pid();
    const leave = new AbortController();
    const response = await daemon.stream(pluginId, call({ what: "slow", n: 20 }, leave.signal));
    expect(response.status).toBe(200);
    leave.abort();
    await until("the call is gone", async () => (await daemon.api.health()).active === 0);
    expect(await pid()).toBe(before);
  });

  test("is gone when its plugin is uninstalled", async () => {
    const last = await pid();
    const { status } = await daemon.api.post("/uninstall", { plugin_installation_id: installation });
    expect(status).toBe(200);
    await until("the process is gone", () => !isRunning(last));
    expect((await daemon.ask(pluginId, call({ what: "pid" }))).status).toBe(404);
  });
});

describe.skipIf(why !== "")(`${MANY} plugins with the SDK${why}`, () => {
  const dataDir = mkdtempSync(join(tmpdir(), "plugd-ten-"));
  const names = Array.from({ length: MANY }, (_, index) => `hello-${index}`);
  const ids = names.map((name) => `plugd-test/${name}`);
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  test("share one environment, which is built once", async () => {
    await using daemon = await startSdkDaemon({ dataDir, alone: true });
    const added = await Promise.all(names.map((name) => daemon.add("hello", renamed("hello", name))));
    expect(await daemon.environments()).toHaveLength(1);
    const worked = added.filter(({ messages }) =>
      messages.some((message) => /Bytecode compiled/.test(message)),
    );
    expect(worked.length).toBeLessThanOrEqual(1);
    // After a restart only these come back by themselves.
    expect(answered(await greet(daemon, "plugd-test/hello-0"))).toBe(2);
    expect(answered(await greet(daemon, "plugd-test/hello-1"))).toBe(2);
  });

  test("all answer when they are called at once after a restart, also those that nobody has called before", async () => {
    await using daemon = await startSdkDaemon({ dataDir, alone: true });
    const answers = await Promise.all([...ids, ...ids].map((id) => greet(daemon, id)));
    expect(answers.map(answered)).toEqual([...ids, ...ids].map(() => 2));
  });
});
