import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { spawnTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { framed, installCalling, type StandInPlatform, standInPlatform, unary } from "./backwards-support.ts";

const MIB = 1024 * 1024;
const cleanup: AsyncDisposableStack[] = [];

afterEach(async () => {
  for (const stack of cleanup.splice(0)) await stack.disposeAsync();
});

/** A daemon of its own process, so that its memory is its own. */
async function setUp(
  platform: StandInPlatform,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly daemon: TestDaemon & { readonly pid: number }; readonly plugin: string }> {
  const stack = new AsyncDisposableStack();
  cleanup.push(stack);
  stack.use(platform);
  const daemon = stack.use(await spawnTestDaemon({ env: { ...platform.env, ...env } }));
  return { daemon, plugin: await installCalling(daemon) };
}

function rssBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Reads the first item, and leaves the rest of the call open. */
async function opened(response: Response): Promise<void> {
  await response.body?.getReader().read();
}

const MODERATION = { type: "moderation", request: { provider: "p", model: "m", text: "x" } };

test("300 calls back of one plugin reach the platform at once", async () => {
  const all = Promise.withResolvers<void>();
  const platform = standInPlatform(async () => {
    if (platform.open.now === 300) all.resolve();
    await all.promise;
    return unary({ result: true });
  });
  const { daemon, plugin } = await setUp(platform);
  const { items } = await daemon.api.call(plugin, { mode: "many", n: 300, ...MODERATION });
  expect(items).toMatchObject([{ message: { json_object: { response: 300, end: 300 } } }]);
  expect(platform.open.most).toBe(300);
}, 30_000);

test("1,000 answers that the plugin never reads do not fill the memory, and go with the client", async () => {
  const answer = { result: true, ballast: "x".repeat(512 * 1024) };
  const platform = standInPlatform(() => unary(answer));
  const { daemon, plugin } = await setUp(platform);
  const before = rssBytes(daemon.pid);
  const client = new AbortController();
  await opened(
    await daemon.api.open(plugin, { mode: "deaf", n: 1000, ...MODERATION }, { signal: client.signal }),
  );
  let most = 0;
  let settled = 0;
  // Until nothing moves any more.
  await until(
    "everything waits",
    () => {
      const now = rssBytes(daemon.pid);
      settled = now > most ? 0 : settled + 1;
      most = Math.max(most, now);
      return platform.asked.length >= 512 && settled > 20;
    },
    { withinMs: 20_000, everyMs: 50 },
  );
  // A plugin that takes no answer gets no more than a part of them asked, of which the engine reads some ahead.
  expect(platform.asked.length).toBeLessThan(600);
  expect(most - before).toBeLessThan(450 * MIB);
  expect((await daemon.api.health()).busy).toBe(1);
  client.abort();
  await until("the daemon has let go", async () => (await daemon.api.health()).busy === 0);
}, 60_000);

test("300 stored values of 1 MiB that the plugin asks for and never reads do not fill the memory", async () => {
  const { daemon, plugin } = await setUp(standInPlatform(() => unary({})));
  const value = "ab".repeat(MIB);
  const set = { opt: "set", key: "large", value };
  expect(
    (await daemon.api.call(plugin, { mode: "call", type: "storage", request: set })).items,
  ).toMatchObject([
    { message: { json_object: { data: { data: "ok" } } } },
    { message: { json_object: { event: "end" } } },
  ]);
  const before = rssBytes(daemon.pid);
  const client = new AbortController();
  const get = { type: "storage", request: { opt: "get", key: "large" } };
  await opened(await daemon.api.open(plugin, { mode: "deaf", n: 300, ...get }, { signal: client.signal }));
  let most = 0;
  let settled = 0;
  await until(
    "everything waits",
    () => {
      const now = rssBytes(daemon.pid);
      settled = now > most ? 0 : settled + 1;
      most = Math.max(most, now);
      return settled > 20;
    },
    { withinMs: 20_000, everyMs: 50 },
  );
  expect(most - before).toBeLessThan(200 * MIB);
  client.abort();
  await until("the daemon has let go", async () => (await daemon.api.health()).busy === 0);
  // Those that waited are not read any more.
  expect(rssBytes(daemon.pid) - before).toBeLessThan(250 * MIB);
  expect(daemon.log()).not.toContain("Cannot serve a plugin's storage");
}, 60_000);

test("a plugin that reads gets all of many large values", async () => {
  const { daemon, plugin } = await setUp(standInPlatform(() => unary({})));
  const set = { opt: "set", key: "large", value: "ab".repeat(MIB) };
  await daemon.api.call(plugin, { mode: "call", type: "storage", request: set });
  const get = { type: "storage", request: { opt: "get", key: "large" } };
  const { items } = await daemon.api.call(plugin, { mode: "many", n: 100, ...get });
  expect(items).toMatchObject([{ message: { json_object: { response: 100, end: 100 } } }]);
}, 60_000);

test("a stream without an end makes the platform wait for a plugin that does not read", async () => {
  let frames = 0;
  const piece = { event: "message", ballast: "x".repeat(64 * 1024) };
  const platform = standInPlatform(() => {
    const [body] = [framed([piece])];
    return new Response(
      new ReadableStream({
        async pull(controller) {
          frames++;
          controller.enqueue(new Uint8Array(await body.clone().arrayBuffer()));
        },
      }),
    );
  });
  const { daemon, plugin } = await setUp(platform);
  const client = new AbortController();
  await opened(
    await daemon.api.open(
      plugin,
      { mode: "deaf", type: "app", request: { app_id: "a" } },
      { signal: client.signal },
    ),
  );
  let before = -1;
  await until("the platform waits", () => frames > 1 && before === (before = frames), { everyMs: 300 });
  expect(frames * 64 * 1024).toBeLessThan(64 * MIB);
  client.abort();
  await until("the request is gone", () => platform.asked[0]?.left === true);
}, 30_000);

test("the limit of a whole call ends its calls back, too", async () => {
  const platform = standInPlatform(() => new Promise(() => undefined));
  const { daemon, plugin } = await setUp(platform, { PLUGIN_MAX_EXECUTION_TIMEOUT: "1" });
  const { failure } = await daemon.api.call(plugin, { mode: "call", ...MODERATION });
  expect(failure).toMatchObject({ message: "killed by timeout" });
  await until("the request is gone", () => platform.asked[0]?.left === true);
}, 30_000);

test("a daemon that is stopped leaves no request behind", async () => {
  const platform = standInPlatform(() => new Promise(() => undefined));
  const { daemon, plugin } = await setUp(platform, { PLUGD_DRAIN_TIMEOUT: "1" });
  const call = daemon.api.call(plugin, { mode: "call", ...MODERATION }).catch(() => undefined);
  await until("the platform is asked", () => platform.asked.length === 1);
  process.kill(daemon.pid, "SIGTERM");
  await call;
  await until("the request is gone", () => platform.asked[0]?.left === true);
}, 30_000);
