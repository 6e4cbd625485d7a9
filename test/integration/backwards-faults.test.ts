import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { TENANT } from "../support/daemon-api.ts";
import { freePort, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { eventsOf, installCalling, standInPlatform, unary } from "./backwards-support.ts";
import { filesBelow, sum } from "./storage-support.ts";

setDefaultTimeout(30_000);

const MODERATION = { provider: "p", model: "m", text: "x" };
const END = { event: "end", message: "", data: null };
const FLAGGED = { event: "response", message: "struct", data: { result: true } };

let cleanup = new AsyncDisposableStack();

afterEach(async () => {
  await cleanup.disposeAsync();
  cleanup = new AsyncDisposableStack();
});

async function startDaemon(env: Readonly<Record<string, string>>): Promise<TestDaemon> {
  return cleanup.use(await startTestDaemon({ env }));
}

/** The events that the plugin got for one call back. */
async function ask(daemon: TestDaemon, pluginId: string, call: object): Promise<readonly unknown[]> {
  const { items, failure } = await daemon.api.call(pluginId, {
    mode: "call",
    type: "moderation",
    request: MODERATION,
    ...call,
  });
  expect(failure).toBeUndefined();
  return eventsOf(items);
}

const countOf = (text: string, part: string) => text.split(part).length - 1;

test("a platform that is down is an error for the plugin, told once in the log, until it answers again", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const daemon = await startDaemon({ DIFY_INNER_API_URL: url, DIFY_INNER_API_KEY: "inner-key" });
  const plugin = await installCalling(daemon);
  const refused = `invoke moderation model failed: Post "${url}/inner/api/invoke/moderation": connect: connection refused`;
  for (let time = 0; time < 3; time++)
    expect(await ask(daemon, plugin, {})).toEqual([{ event: "error", message: refused, data: null }, END]);
  expect(countOf(daemon.log(), "Cannot reach the platform")).toBe(1);

  const platform = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => unary({ result: true }) });
  cleanup.defer(() => platform.stop(true));
  for (let time = 0; time < 2; time++) expect(await ask(daemon, plugin, {})).toEqual([FLAGGED, END]);
  expect(countOf(daemon.log(), "The platform answers again")).toBe(1);
});

test("an answer behind the limit goes nowhere", async () => {
  const answered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const platform = cleanup.use(
    standInPlatform(async ({ body }) => {
      if (body["text"] !== "late") return unary({ result: true });
      await gate.promise;
      answered.resolve();
      return unary({ result: true });
    }),
  );
  const daemon = await startDaemon({ ...platform.env, DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT: "300" });
  const plugin = await installCalling(daemon);
  const late = await ask(daemon, plugin, { request: { ...MODERATION, text: "late" } });
  expect(late).toEqual([
    { event: "error", message: expect.stringContaining("it took longer than 300 ms"), data: null },
    END,
  ]);
  gate.resolve();
  await answered.promise;
  // Whatever it had sent would be here before the answer of the next one.
  expect(await ask(daemon, plugin, {})).toEqual([FLAGGED, END]);
  const { items } = await daemon.api.call(plugin, { mode: "stray" });
  expect(eventsOf(items)).toEqual([{ events: [] }]);
});

test("a plugin cannot call back in the name of another plugin's session", async () => {
  const platform = cleanup.use(standInPlatform(() => unary({ result: true })));
  const daemon = await startDaemon(platform.env);
  const victim = await installCalling(daemon, { name: "victim" });
  const thief = await installCalling(daemon, { name: "thief" });
  const client = new AbortController();
  const opened = await daemon.api.open(victim, { mode: "who" }, { signal: client.signal });
  const { value } = (await opened.body?.getReader().read()) ?? {};
  const [, session = ""] = /"session_id":"([^"]+)"/.exec(new TextDecoder().decode(value)) ?? [];
  expect(session).not.toBe("");
  expect(await ask(daemon, thief, { mode: "forge", data: session })).toEqual([FLAGGED, END]);
  // Only its own reached the platform, and nobody was answered to the other.
  expect(platform.asked).toHaveLength(1);
  for (const plugin of [thief, victim]) {
    const { items } = await daemon.api.call(plugin, { mode: "stray" });
    expect(eventsOf(items)).toEqual([{ events: [] }]);
  }
  client.abort();
});

test("a request of 30 MB, which the limit of a line allows, reaches the platform whole", async () => {
  const bytes = 30_000_000;
  const platform = cleanup.use(standInPlatform(() => unary({ result: true })));
  const daemon = await startDaemon(platform.env);
  const plugin = await installCalling(daemon);
  expect(await ask(daemon, plugin, { bytes })).toEqual([FLAGGED, END]);
  expect(String(platform.asked[0]?.body["ballast"]).length).toBe(bytes);
});

test("a plugin that stores beyond its quota from 50 sessions at once keeps what fits, to the byte", async () => {
  const daemon = await startDaemon({});
  const plugin = await installCalling(daemon, {
    permissions: "  permission:\n    storage: {enabled: true, size: 10240}\n",
  });
  const set = (key: string) => ({
    type: "storage",
    request: { opt: "set", key, value: "ab".repeat(1000) },
  });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, session) => ask(daemon, plugin, set(`key ${session}`))),
  );
  const stored = answers.filter(([first]) => JSON.stringify(first).includes('"event":"response"'));
  const refused = answers.filter(([first]) => JSON.stringify(first).includes("allocated size is greater"));
  expect([stored.length, refused.length]).toEqual([10, 40]);
  const folder = join(daemon.dataDir, "storage", "persistence", TENANT);
  await until("all is in files", async () => sum(Object.values(await filesBelow(folder))) === 10_000);
  // What one gives back another can have.
  const [key] = Object.keys(await filesBelow(folder)).map((path) => path.slice(path.lastIndexOf("/") + 1));
  const del = { type: "storage", request: { opt: "del", key: key ?? "" } };
  expect(await ask(daemon, plugin, del)).toMatchObject([{ event: "response" }, END]);
  expect(await ask(daemon, plugin, set("one more"))).toMatchObject([{ event: "response" }, END]);
  expect(await ask(daemon, plugin, set("too much"))).toMatchObject([{ event: "error" }, END]);
});
