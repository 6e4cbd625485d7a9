/** Plugins watched live, over HTTP and from the command line, with a daemon and plugins that are real. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import { readServerEvents, type ServerEvent } from "../../src/cli/server-events.ts";
import { type Installed, TENANT } from "../support/daemon-api.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { openRawCall } from "../support/raw-call.ts";
import { testDeps, testIo } from "../unit/cli/test-io.ts";

setDefaultTimeout(60_000);

let daemon: LocalDaemon;
let plugin: Installed;
beforeAll(async () => {
  daemon = await startTestDaemon({ env: { PLUGD_EVENTS_KEPT: "200" } });
  plugin = await daemon.api.install({ name: "watched" });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const pathOf = (query: Readonly<Record<string, string>> = {}, tenant = TENANT) =>
  `/plugin/${tenant}/debugging/events?${new URLSearchParams({ plugin_id: plugin.pluginId, ...query }).toString()}`;

interface Watching extends AsyncDisposable {
  readonly events: ServerEvent[];
  types(): string[];
  until(type: string, count?: number): Promise<ServerEvent>;
  readonly ended: Promise<void>;
}

/** Reads a stream in the background; resolves once the daemon has said that it watches. */
async function watch(
  query?: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Watching> {
  const leave = new AbortController();
  const response = await fetch(`${daemon.url}${pathOf(query)}`, {
    headers: { ...headers, "x-api-key": daemon.key },
    signal: leave.signal,
    keepalive: false,
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const { body } = response;
  if (!body) throw new Error("The stream has no body");
  const events: ServerEvent[] = [];
  const ended = (async () => {
    try {
      for await (const event of readServerEvents(body)) events.push(event);
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    }
  })();
  const types = () => events.map(({ type }) => type);
  return {
    events,
    types,
    ended,
    async until(type, count = 1) {
      await until(`${count} events "${type}"`, () => types().filter((one) => one === type).length >= count);
      const found = events.filter((event) => event.type === type)[count - 1];
      if (!found) throw new Error(`No event "${type}"`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      leave.abort();
      await ended;
    },
  };
}

const kept = async (query: Readonly<Record<string, string>> = {}) => {
  const watching = await watch({ from: "start", follow: "false", ...query });
  await watching.ended;
  return watching.events;
};

test("a watcher sees a call begin and end, with its times and sizes", async () => {
  await using watching = await watch();
  await daemon.api.call(plugin.pluginId, { mode: "items", n: 3 });
  const end = await watching.until("call_ended");
  expect(watching.types()).toEqual(["call_began", "call_ended"]);
  const data: Record<string, unknown> = JSON.parse(end.data);
  expect(data).toMatchObject({
    plugin_id: plugin.pluginId,
    tenant_id: TENANT,
    identifier: plugin.identifier,
    runtime_type: "local",
    action: "invoke_tool",
    items: 3,
    outcome: "success",
    error_type: null,
    calls_back: { total: 0, failed: 0, first: [] },
  });
  for (const time of ["sent_ms", "first_item_ms", "end_ms"]) expect(data[time]).toBeNumber();
});

test("a watcher sees stderr, and what becomes of the process", async () => {
  await using watching = await watch();
  await daemon.api.call(plugin.pluginId, { mode: "exit-code", code: 3, stderr: "Traceback: last words\n" });
  const { data } = await watching.until("stderr");
  expect(JSON.parse(data)).toMatchObject({ text: "Traceback: last words", tenant_id: null });
  await until("its end is told", () => watching.events.some((event) => event.data.includes("Plugin ended")));
});

test("who comes back goes on behind the last event that it knows, or hears that some are gone", async () => {
  await daemon.api.call(plugin.pluginId, {});
  const before = await kept();
  const last = before.at(-1)?.id ?? "";
  await daemon.api.call(plugin.pluginId, {});
  await using watching = await watch({}, { "last-event-id": last });
  await watching.until("call_ended");
  expect(watching.events.map(({ id }) => Number(id.split("-")[1]) - Number(last.split("-")[1]))).toEqual([
    1, 2,
  ]);
  // Of a daemon that is gone nothing is known: everything that is kept is news.
  expect((await kept({ last_event_id: `zzz-${last.split("-")[1]}` })).length).toBeGreaterThan(before.length);
  for (let n = 0; n < 150; n++) await daemon.api.call(plugin.pluginId, {});
  const [first] = await kept({ last_event_id: last });
  expect([first?.type, JSON.parse(first?.data ?? "{}")]).toEqual(["missed", { count: 102 }]);
});

test("another tenant sees the process, which is its own as well, and none of the calls", async () => {
  await daemon.api.call(plugin.pluginId, { mode: "stderr", text: "shared\n" });
  const response = await daemon.api.request(pathOf({ from: "start", follow: "false" }, "other"));
  const text = await response.text();
  expect(text).toContain("shared");
  expect(text).not.toContain("call_began");
});

test("without a key, a plugin or with a bad choice there is no stream", async () => {
  expect((await fetch(`${daemon.url}${pathOf()}`)).status).toBe(401);
  expect((await daemon.api.request(pathOf({ plugin_id: "" }))).status).toBe(400);
  expect((await daemon.api.request(pathOf({ from: "tomorrow" }))).status).toBe(400);
});

test("a watcher that never reads holds up nothing, and learns afterwards how much it missed", async () => {
  const request = `GET ${pathOf()} HTTP/1.1\r\nHost: h\r\nX-Api-Key: ${daemon.key}\r\n\r\n`;
  const slow = await openRawCall({ port: daemon.port, request });
  await until("it is watching", () => slow.text().includes(": watching"));
  slow.pause();
  // Far more than the buffers of a connection take.
  for (let round = 0; round < 40; round++)
    await daemon.api.call(plugin.pluginId, { mode: "flood-stderr", n: 100, size: 8000 });
  slow.resume();
  await until("it is told what it missed", () => /event:missed\ndata:\{"count":\d+\}/.test(slow.text()));
  await daemon.api.call(plugin.pluginId, { mode: "items", n: 7 });
  await until("it sees what comes after", () => slow.text().includes('"items":7'));
  slow.terminate();
});

test("a thousand watchers all see the same", async () => {
  const request = `GET ${pathOf()} HTTP/1.1\r\nHost: h\r\nX-Api-Key: ${daemon.key}\r\n\r\n`;
  const watchers = await Promise.all(
    Array.from({ length: 1000 }, () => openRawCall({ port: daemon.port, request })),
  );
  await until("all are watching", () => watchers.every((one) => one.text().includes(": watching")));
  await daemon.api.call(plugin.pluginId, { mode: "items", n: 9 });
  await until("all have seen it", () => watchers.every((one) => one.text().includes('"items":9')));
  const ends = watchers.map((one) => /data:(.*"items":9.*)\n/.exec(one.text())?.[1]);
  expect(new Set(ends).size).toBe(1);
  for (const one of watchers) one.terminate();
  await until("all are gone", async () => (await daemon.api.health()).requests === 1);
});

test("plugd logs and plugd trace show it in a terminal, from what is kept and as it comes", async () => {
  const leave = new AbortController();
  const io = { env: { PLUGD_URL: daemon.url, SERVER_KEY: daemon.key, PLUGD_TENANT: TENANT } };
  const run = async (argv: readonly string[], more: { signal?: AbortSignal } = {}) => {
    const own = testIo({ ...io, ...more });
    const ended = runCli([...argv, "--tenant", TENANT], own, testDeps());
    return { own, ended };
  };
  const follower = await run(["trace", plugin.pluginId, "-f"], { signal: leave.signal });
  await daemon.api.call(plugin.pluginId, { mode: "stderr", text: "seen in logs\n" });
  await daemon.api.call(plugin.pluginId, { mode: "items", n: 11 });
  await until("the trace is shown", () =>
    /✓ invoke_tool {2}success {2}.*11 items/.test(follower.own.stdout.text),
  );
  leave.abort();
  await follower.ended;
  const logs = await run(["logs", plugin.pluginId]);
  expect(await logs.ended).toBe(0);
  expect(logs.own.stdout.text).toMatch(/\d\d:\d\d:\d\d\.\d{3} stderr seen in logs\n/);
  const json = await run(["trace", plugin.pluginId, "--json"]);
  expect(await json.ended).toBe(0);
  expect(JSON.parse(json.own.stdout.text.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    type: "call_ended",
  });
  const unknown = await run(["logs", "nobody/nothing"]);
  expect([await unknown.ended, unknown.own.stderr.text]).toEqual([
    1,
    expect.stringContaining('"nobody/nothing" is not installed'),
  ]);
});

test("a daemon that leaves ends its streams at once", async () => {
  const watching = await watch();
  const began = performance.now();
  await daemon.close();
  await watching.ended;
  expect(performance.now() - began).toBeLessThan(10_000);
});
